/** The result for one image: a warning, the findings, the occlusion map. K labels, images of H × H pixels. */

import { drawImage, drawMap } from "./canvas.js";
import { create, element } from "./dom.js";
import { FindingList } from "./finding-list.js";
import { pixelMap } from "./occlusion.js";

export class Result {
  /** @param facts of the network @param {() => void} onReveal called when a withheld answer is shown all the same */
  constructor(facts, onReveal) {
    this.facts = facts;
    element("reveal").addEventListener("click", () => {
      this.#withhold(false);
      element("labels").querySelector("input:checked").focus();
      onReveal();
    });
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
   * @param {{image: import("./resize.js").GreyImage, unfamiliar: string[]}} answer the worker's; it is withheld until
   *   the reader asks for it if the image is not for the network
   * @param {string} name of the file
   */
  show(findings, { image, unfamiliar }, name) {
    Object.assign(this, { drops: null, name });
    this.findings.list(findings);
    this.#warn(unfamiliar);
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

  #warn(unfamiliar) {
    element("warning").hidden = unfamiliar.length === 0;
    element("reasons").replaceChildren(...unfamiliar.map((reason) => create("li", {}, reason)));
    element("result").classList.toggle("unfamiliar", unfamiliar.length > 0);
    this.#withhold(unfamiliar.length > 0);
  }

  #withhold(withheld) {
    this.withheld = withheld;
    element("reveal").hidden = !withheld;
    for (const part of ["map", "explanation", "findings"]) element(part).classList.toggle("withheld", withheld);
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
