/** What the network says of one film: warning, findings, map. K labels, films of H × H pixels. */

import { drawFilm, drawHeat } from "./film.js";
import { Findings } from "./findings.js";
import { spread } from "./occlusion.js";
import { element, made } from "./words.js";

export class Result {
  /** @param facts of the network */
  constructor(facts) {
    this.facts = facts;
    this.findings = new Findings(element("labels"), () => this.#drawMap());
    const show = element("show");
    show.addEventListener("change", () => element("film").classList.toggle("bare", !show.checked));
    element("findings").addEventListener("submit", (event) => event.preventDefault());
  }

  hide() {
    element("result").hidden = true;
  }

  /**
   * @param {import("./ranking.js").Finding[]} findings
   * @param {{film: import("./resize.js").Grey, unfamiliar: number}} answer the worker's
   * @param {string} name of the file
   */
  show(findings, { film, unfamiliar }, name) {
    Object.assign(this, { falls: null, name });
    this.findings.list(findings);
    this.#warn(unfamiliar);
    drawFilm(element("picture"), film);
    element("film").style.setProperty("--ratio", film.width / film.height);
    this.progress(0);
    this.#drawMap();
    element("result").hidden = false;
  }

  /** @param {number} share of the map that is computed, 0 to 1 */
  progress(share) {
    element("progress").value = share;
  }

  /** @param {Float64Array[]} falls K times (144,), see occlusion.js */
  explain(falls) {
    this.falls = falls;
    this.#drawMap();
  }

  #warn(unfamiliar) {
    const box = element("unfamiliar");
    box.hidden = !(unfamiliar > 1);
    box.replaceChildren(
      made("strong", {}, "Unlike the images that this network was trained on."),
      ` Its unfamiliarity is ${unfamiliar.toFixed(1)}, where 1 is the limit: do not rely on the answer.`,
    );
  }

  #drawMap() {
    const { label, index } = this.findings.chosen();
    element("progress").hidden = Boolean(this.falls);
    element("legend").hidden = element("heat").hidden = !this.falls;
    element("film").setAttribute("aria-label", `${this.name}${this.falls ? `, with the map of why for ${label}` : ""}`);
    element("caption").textContent = this.falls ? this.#drawHeat(index) : `Why ${label}? Looking …`;
  }

  /** @returns {string} what the map shows, in words */
  #drawHeat(index) {
    const { labels, size } = this.facts;
    const values = spread(this.falls[index], size);
    const strongest = drawHeat(element("heat"), values, size);
    element("legend").hidden = strongest === 0;
    element("strongest").textContent = `−${strongest.toFixed(2)} log-odds`;
    return strongest > 0
      ? `Why ${labels[index]}? Warm is where hiding the film makes the network less sure of it.`
      : `Why ${labels[index]}? Hiding no part of the film makes the network less sure of it: there is nothing to show.`;
  }
}
