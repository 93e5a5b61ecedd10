import { made, percent } from "./words.js";

/** @import { Finding } from "./ranking.js" */

/** The list of findings, of which one is chosen: radio buttons, so that arrow keys work. */
export class Findings {
  /** @param {HTMLElement} place @param {() => void} onChoice */
  constructor(place, onChoice) {
    this.place = place;
    place.addEventListener("change", onChoice);
  }

  /** Show these and choose the first. @param {Finding[]} findings */
  list(findings) {
    this.place.replaceChildren(...findings.map(rowOf));
    this.place.querySelector("input").checked = true;
  }

  /** @returns {{label: string, index: number}} */
  chosen() {
    const { value, dataset } = this.place.querySelector("input:checked");
    return { label: value, index: Number(dataset.index) };
  }
}

/** @param {Finding} finding */
function rowOf({ label, index, probability, threshold, present }) {
  const radio = made("input", { type: "radio", name: "finding", value: label });
  radio.dataset.index = index;
  return made(
    "label",
    { className: present ? "finding present" : "finding" },
    radio,
    made("span", { className: "name" }, label),
    made("data", { value: String(probability), className: "probability" }, percent(probability)),
    bar(probability, threshold),
    made("span", { className: "threshold" }, `threshold ${percent(threshold)}`),
    made("span", { className: "decision" }, present ? "present" : "absent"),
  );
}

/** For eyes alone: the numbers stand beside it. */
function bar(probability, threshold) {
  const drawn = made("span", { className: "bar", ariaHidden: "true" });
  drawn.style.setProperty("--probability", probability);
  drawn.style.setProperty("--threshold", threshold);
  return drawn;
}
