/** What the page says, in one place. */

/** @returns {HTMLElement} by its id */
export function element(id) {
  return document.getElementById(id);
}

/** A new element, filled: `made("span", { className: "name" }, "Edema")`. */
export function made(kind, properties = {}, ...content) {
  const made = Object.assign(document.createElement(kind), properties);
  made.append(...content);
  return made;
}

/** 0.12345 -> "12.3 %"; what is neither 0 nor 1 is not shown as if it were. */
export function percent(share) {
  if (share > 0 && share < 0.0005) return "< 0.1\u00a0%";
  if (share < 1 && share >= 0.9995) return "> 99.9\u00a0%";
  return `${(share * 100).toFixed(1)}\u00a0%`;
}

/**
 * The answer in a sentence or two, for who does not see the list.
 *
 * @param {import("./ranking.js").Finding[]} findings
 */
export function summary(findings, unfamiliar, name) {
  const present = findings.filter((finding) => finding.present);
  const found = present.map(({ label, probability }) => `${label} ${percent(probability)}`).join(", ");
  const warning = unfamiliar > 1 ? "Unfamiliar image. " : "";
  return `${warning}${name} – ${found ? `present: ${found}` : "no finding reaches its threshold"}.`;
}
