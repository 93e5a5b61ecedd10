/** Numbers and results as text. */

/** 0.12345 -> "12.3 %". A share that is neither 0 nor 1 is never shown as 0.0 % or 100.0 %. */
export function percent(share) {
  if (share > 0 && share < 0.0005) return "< 0.1\u00a0%";
  if (share < 1 && share >= 0.9995) return "> 99.9\u00a0%";
  return `${(share * 100).toFixed(1)}\u00a0%`;
}

/** What is decided about a finding; nothing about those that are not the most probable of exclusive ones. */
export function decision({ threshold, present }) {
  if (threshold === null) return present ? "most probable" : "";
  return present ? "present" : "absent";
}

/** That there is no answer, for screen readers. @param {string[]} unfamiliar @param {string} name of the file */
export function refusal(unfamiliar, name) {
  return `${name} – no answer: ${unfamiliar.join("; ")}.`;
}

/**
 * The result in a sentence, for screen readers.
 *
 * @param {import("./ranking.js").Finding[]} findings
 * @param {string} name of the file
 */
export function summary(findings, name) {
  const present = findings.filter((finding) => finding.present);
  const list = present.map(({ label, probability }) => `${label} ${percent(probability)}`).join(", ");
  return `${name} – ${list ? `${decision(present[0])}: ${list}` : "no finding reaches its threshold"}.`;
}
