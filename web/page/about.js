import { element, made } from "./words.js";

/** Say what network this is: its study, its size, what it scored on test. */
export function showAbout(facts) {
  const { labels, size, network, study, notice, keep_aspect: keepAspect } = facts;
  element("notice").textContent = notice;
  element("study").textContent = `Network “${network ?? "unnamed"}” of the study “${study ?? "unnamed"}”`;
  const shape = keepAspect ? "padded to a square" : "stretched to a square";
  const rows = [
    ["Input", `${size} × ${size} pixels, grey, ${shape}`],
    ["Findings", `${labels.length}`],
    ...scores(facts.test),
  ];
  element("about").replaceChildren(...rows.map(rowOf));
}

function rowOf([term, text]) {
  return made("div", {}, made("dt", {}, term), made("dd", {}, text));
}

/** Rows of the scores on test that are there: another model may lack some. */
function scores(test) {
  const rows = [
    ["Test images", test?.images?.toLocaleString("en")],
    ["AUROC, mean", within(test?.auroc)],
    ["F1, mean", within(test?.f1)],
    ["Calibration error, mean", test?.calibration_error?.macro?.toFixed(3)],
  ];
  return rows.filter(([, text]) => text);
}

/** A mean over the findings with its 95 % interval. */
function within(score) {
  if (!Number.isFinite(score?.macro)) return undefined;
  const ends = [score.macro_low, score.macro_high];
  const interval = ends.every(Number.isFinite) ? ` (95 %: ${ends.map((end) => end.toFixed(3)).join(" to ")})` : "";
  return score.macro.toFixed(3) + interval;
}
