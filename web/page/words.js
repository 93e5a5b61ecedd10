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

/** 0.12345 -> "12.3 %" */
export function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

/** @returns {boolean[]} (K,) at the threshold or above */
export function presence({ labels, threshold }, probabilities) {
  return labels.map((label, n) => probabilities[n] >= threshold[label]);
}

/** The answer in one or two sentences, for who does not see the list. */
export function summary(facts, { probabilities, unfamiliar }, name) {
  const present = presence(facts, probabilities);
  const found = facts.labels.map((label, n) => `${label} ${percent(probabilities[n])}`).filter((_, n) => present[n]);
  const findings = found.length ? `Present: ${found.join(", ")}.` : "No finding reaches its threshold.";
  return `${unfamiliar > 1 ? "Warning: an unfamiliar image. " : ""}${name}: ${findings}`;
}
