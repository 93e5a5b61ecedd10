/** The result for one image: a warning, the findings, the occlusion map. K labels, images of H × H pixels. */

import { drawImage, drawMap } from "./canvas.js";
import { create, element } from "./dom.js";
import { FindingList } from "./finding-list.js";
import { pixelMap } from "./occlusion.js";

export class Result {
  /** @param facts of the network */
  constructor(facts) {
    this.facts = facts;
    element("key").hidden = facts.exclusive;
    this.findings = new FindingList(element("labels"), () => this.#updateMap());
    const show = element("show");
    show.addEventListener("change", () => element("xray").classList.toggle("bare", !show.checked));
    element("findings").addEventListener("submit", (event) => event.preventDefault());
  }

  hide() {
    element("result").hidden = true;
  }

  /**
   * @param {import("./ranking.js").Finding[]} findings
   * @param {{image: import("./resize.js").GreyImage, distance: number}} answer the worker's
   * @param {string} name of the file
   */
  show(findings, { image, distance }, name) {
    Object.assign(this, { drops: null, name });
    this.findings.list(findings);
    this.#warn(distance);
    drawImage(element("image"), image);
    element("xray").style.setProperty("--ratio", image.width / image.height);
    this.progress(0);
    this.#updateMap();
    element("result").hidden = false;
  }

  /** The same answer, decided by other thresholds. @param {import("./ranking.js").Finding[]} findings */
  decide(findings) {
    this.findings.list(findings, this.findings.chosen().label);
    this.#updateMap();
  }

  /** @param {number} share of the map that is computed, 0 to 1 */
  progress(share) {
    element("progress").value = share;
  }

  /** @param {Float64Array[]} drops K times (144,), see occlusion.js */
  explain(drops) {
    this.drops = drops;
    this.#updateMap();
  }

  #warn(distance) {
    const box = element("warning");
    box.hidden = !(distance > 1);
    box.replaceChildren(
      create("strong", {}, "Unlike the images that this network was trained on."),
      ` Its distance from them is ${distance.toFixed(1)} times the limit: do not rely on the answer.`,
    );
  }

  #updateMap() {
    const { label, index } = this.findings.chosen();
    element("progress").hidden = Boolean(this.drops);
    element("legend").hidden = element("map").hidden = !this.drops;
    element("xray").setAttribute("aria-label", `${this.name}${this.drops ? `, with the occlusion map for ${label}` : ""}`);
    element("caption").textContent = this.drops ? this.#drawMap(index) : `Why ${label}? Computing the map …`;
  }

  /** @returns {string} the caption of the map */
  #drawMap(index) {
    const { labels, size } = this.facts;
    const largest = drawMap(element("map"), pixelMap(this.drops[index], size), size);
    element("legend").hidden = largest === 0;
    element("largest").textContent = `−${largest.toFixed(2)} log-odds`;
    return largest > 0
      ? `Why ${labels[index]}? The colour shows where hiding the image makes the network less sure of it.`
      : `Why ${labels[index]}? Nothing to show: hiding no part of the image makes the network less sure of it.`;
  }
}
