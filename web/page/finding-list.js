import { create } from "./dom.js";
import { decision, percent } from "./text.js";

/** @import { Finding } from "./ranking.js" */

/** The list of findings, of which one is chosen: radio buttons, so arrow keys work. */
export class FindingList {
  /** @param {HTMLElement} place @param {() => void} onChoice */
  constructor(place, onChoice) {
    this.place = place;
    place.addEventListener("change", onChoice);
  }

  /** Show these and choose one, by default the first. @param {Finding[]} findings @param {string} label */
  list(findings, label = findings[0].label) {
    this.place.replaceChildren(...findings.map(rowOf));
    for (const radio of this.place.querySelectorAll("input")) radio.checked = radio.value === label;
  }

  /** @returns {{label: string, index: number}} */
  chosen() {
    const { value, dataset } = this.place.querySelector("input:checked");
    return { label: value, index: Number(dataset.index) };
  }
}

/** @param {Finding} finding */
function rowOf(finding) {
  const { label, index, probability, threshold, present } = finding;
  const radio = create("input", { type: "radio", name: "finding", value: label });
  radio.dataset.index = index;
  return create(
    "label",
    { className: present ? "finding present" : "finding" },
    radio,
    create("span", { className: "name" }, label),
    create("data", { value: String(probability), className: "probability" }, percent(probability)),
    bar(probability, threshold),
    create("span", { className: "threshold" }, threshold === null ? "" : `threshold ${percent(threshold)}`),
    create("span", { className: "decision" }, decision(finding)),
  );
}

/** Hidden from screen readers: the numbers stand beside it. */
function bar(probability, threshold) {
  const drawn = create("span", { className: threshold === null ? "bar" : "bar limited", ariaHidden: "true" });
  drawn.style.setProperty("--probability", probability);
  drawn.style.setProperty("--threshold", threshold);
  return drawn;
}
