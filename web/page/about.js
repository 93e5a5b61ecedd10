import { create, element } from "./dom.js";

/** Show which network this is: its study, its input, its scores on test. */
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
  return create("div", {}, create("dt", {}, term), create("dd", {}, text));
}

/** The rows of those scores that the metadata has: an 8-bit model has none. */
function scores(test) {
  const rows = [
    ["Test images", test?.images?.toLocaleString("en")],
    ["AUROC, mean", withInterval(test?.auroc)],
    ["F1, mean", withInterval(test?.f1)],
    ["Calibration error, mean", test?.calibration_error?.macro?.toFixed(3)],
  ];
  return rows.filter(([, text]) => text);
}

/** A mean over the findings with its 95 % interval. */
function withInterval(score) {
  if (!Number.isFinite(score?.macro)) return undefined;
  const ends = [score.macro_low, score.macro_high];
  const interval = ends.every(Number.isFinite) ? ` (95 %: ${ends.map((end) => end.toFixed(3)).join(" to ")})` : "";
  return score.macro.toFixed(3) + interval;
}
