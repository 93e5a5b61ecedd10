import { made, percent } from "./words.js";

/** The list of findings, those present first, of which one is chosen: radio buttons, so that arrow keys work. */
export class Findings {
  /** @param {HTMLElement} place @param {() => void} onChoice */
  constructor(place, onChoice) {
    this.place = place;
    place.addEventListener("change", onChoice);
  }

  /** Show the answer and choose the first of the list. @param {ArrayLike<number>} probabilities (K,) */
  list({ labels, threshold }, probabilities, present) {
    const rows = labels.map((label, index) => {
      return { label, index, probability: probabilities[index], threshold: threshold[label], present: present[index] };
    });
    rows.sort((one, other) => other.present - one.present || other.probability - one.probability);
    this.place.replaceChildren(...rows.map(rowOf));
    this.place.querySelector("input").checked = true;
  }

  /** @returns {{label: string, index: number}} */
  chosen() {
    const { value, dataset } = this.place.querySelector("input:checked");
    return { label: value, index: Number(dataset.index) };
  }
}

function rowOf({ label, index, probability, threshold, present }) {
  const radio = made("input", { type: "radio", name: "finding", value: label });
  radio.dataset.index = index;
  const row = made(
    "label",
    { className: present ? "finding present" : "finding" },
    radio,
    made("span", { className: "name" }, label),
    made("data", { value: String(probability), className: "probability" }, percent(probability)),
    made("span", { className: "decision" }, present ? "present" : "absent"),
    bar(probability, threshold),
    made("span", { className: "threshold" }, `threshold ${percent(threshold)}`),
  );
  return row;
}

/** For eyes alone: the numbers stand beside it. */
function bar(probability, threshold) {
  const drawn = made("span", { className: "bar", ariaHidden: "true" });
  drawn.style.setProperty("--probability", probability);
  drawn.style.setProperty("--threshold", threshold);
  return drawn;
}
