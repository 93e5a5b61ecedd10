import { create, element } from "./dom.js";

/**
 * Offer the operating points of the network; nothing where there is no choice.
 *
 * @param facts of the network
 * @param {(threshold: Object<string, number>) => void} onChoice called with the threshold of each label
 */
export function offerOperatingPoints({ operating_point: chosen, operating_points: points = {} }, onChoice) {
  const [place, select] = [element("operating-point"), element("point")];
  place.hidden = Object.keys(points).length < 2;
  select.replaceChildren(...Object.keys(points).map((name) => create("option", { value: name }, inWords(name))));
  select.value = chosen;
  select.addEventListener("change", () => onChoice(points[select.value]));
}

/** "sensitivity=0.95" -> "sensitivity 95.0 %" */
export function inWords(name) {
  const [rate, value] = name.split("=");
  if (name === "f1=max") return "best F1";
  return value === undefined ? "thresholds of the study" : `${rate} ${(Number(value) * 100).toFixed(1)}\u00a0%`;
}
