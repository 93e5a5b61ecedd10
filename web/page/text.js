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

/**
 * The result in one or two sentences, for screen readers.
 *
 * @param {import("./ranking.js").Finding[]} findings
 * @param {number} distance from the training images; above 1 the image is out of distribution
 * @param {string} name of the file
 */
export function summary(findings, distance, name) {
  const present = findings.filter((finding) => finding.present);
  const list = present.map(({ label, probability }) => `${label} ${percent(probability)}`).join(", ");
  const warning = distance > 1 ? "Unlike the training images. " : "";
  return `${warning}${name} – ${list ? `${decision(present[0])}: ${list}` : "no finding reaches its threshold"}.`;
}
