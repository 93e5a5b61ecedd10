/** The page: hands files to the worker and shows what it answers; `data-state` of the body says how far it is. */

import { showAbout } from "./about.js";
import { listenForFiles } from "./chooser.js";
import { ranked } from "./ranking.js";
import { Result } from "./result.js";
import { element, summary } from "./words.js";

const worker = new Worker("worker.js", { type: "module" });
const [status, error] = [element("status"), element("error")];
let [newest, name, others, facts, result] = [0, "", "", null, null];

const ANSWERS = { ready, broken, failed, answer, progress, map };

worker.onmessage = ({ data }) => {
  if (data.id === undefined || data.id === newest) ANSWERS[data.kind](data);
};
worker.onerror = () => broken({ reason: "this browser is too old, or files of the page are missing" });

listenForFiles(element("file"), (file, count) => {
  if (element("chooser").hidden) return; // there is no network to ask
  [newest, name] = [newest + 1, file.name];
  others = count > 1 ? ` Of ${count} files only the first was looked at.` : "";
  result?.hide();
  error.hidden = true;
  state("reading");
  status.textContent = facts ? `Reading ${name} …` : `Loading the network, then reading ${name} …`;
  worker.postMessage({ id: newest, file });
});

function ready(message) {
  facts = message.facts;
  result = new Result(facts);
  showAbout(facts);
  element("served").hidden = true;
  status.textContent = newest ? `Reading ${name} …` : "Ready.";
  if (!newest) state("ready");
}

function broken({ reason }) {
  fail(`The network could not be loaded: ${reason}.`);
  element("served").hidden = true;
  element("chooser").hidden = true;
}

function failed({ reason }) {
  fail(`“${name}” ${reason}.${others}`);
}

function fail(sentence) {
  status.textContent = "";
  error.textContent = sentence;
  error.hidden = false;
  state("failed");
}

function answer(message) {
  const findings = ranked(facts, message.probabilities);
  result.show(findings, message, name);
  status.textContent = summary(findings, message.unfamiliar, name) + others;
  state("answered");
}

function progress({ share }) {
  result.progress(share);
}

function map({ falls }) {
  result.explain(falls);
  state("explained");
}

function state(reached) {
  document.body.dataset.state = reached;
}
