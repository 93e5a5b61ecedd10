/** The page: sends files to the worker and shows its answers. `data-state` of the body is the state for tests. */

import { showAbout } from "./about.js";
import { listenForFiles } from "./chooser.js";
import { element } from "./dom.js";
import { offerOperatingPoints } from "./operating-point.js";
import { ranked } from "./ranking.js";
import { Result } from "./result.js";
import { refusal, summary } from "./text.js";

const worker = new Worker("worker.js", { type: "module" });
const [status, error] = [element("status"), element("error")];
let [newest, name, ignored, facts, result, answered] = [0, "", "", null, null, null];

const HANDLERS = { ready, broken, failed, answer, progress, map };

worker.onmessage = ({ data }) => {
  if (data.id === undefined || data.id === newest) HANDLERS[data.kind](data);
};
worker.onerror = () => broken({ reason: "this browser is too old, or files of the page are missing" });

listenForFiles(element("file"), (file, count) => {
  if (element("chooser").hidden) return; // the network could not be loaded
  [newest, name] = [newest + 1, file.name];
  ignored = count > 1 ? ` Of ${count} files only the first was read.` : "";
  result?.hide();
  error.hidden = true;
  setState("reading");
  status.textContent = facts ? `Reading ${name} …` : `Loading the network, then reading ${name} …`;
  worker.postMessage({ id: newest, file });
});

function ready(message) {
  facts = message.facts;
  result = new Result(facts, announce);
  showAbout(facts);
  offerOperatingPoints(facts, decide);
  element("served").hidden = true;
  status.textContent = newest ? `Reading ${name} …` : "Ready.";
  if (!newest) setState("ready");
}

function broken({ reason }) {
  showError(`The network could not be loaded: ${reason}.`);
  element("served").hidden = true;
  element("chooser").hidden = true;
}

function failed({ reason }) {
  showError(`“${name}” ${reason}.${ignored}`);
}

function showError(sentence) {
  status.textContent = "";
  error.textContent = sentence;
  error.hidden = false;
  setState("failed");
}

function answer(message) {
  answered = message;
  result.show(ranked(facts, message.probabilities), message, name);
  announce();
  setState("answered");
}

/** Decide again, by these thresholds; the choice is on the page only while there is an answer. */
function decide(threshold) {
  facts = { ...facts, threshold };
  result.decide(ranked(facts, answered.probabilities));
  announce();
}

/** Say what the page shows: the answer, or why there is none. */
function announce() {
  const findings = ranked(facts, answered.probabilities);
  status.textContent = (result.withheld ? refusal(answered.unfamiliar, name) : summary(findings, name)) + ignored;
}

function progress({ share }) {
  result.progress(share);
}

function map({ drops }) {
  result.explain(drops);
  setState("explained");
}

function setState(state) {
  document.body.dataset.state = state;
}
