import { create, element } from "./dom.js";

/** Show which network this is: its study, its input, its scores on test. */
export function showAbout(facts) {
  const { labels, size, network, study, notice, exclusive, recalibrated, keep_aspect: keepAspect } = facts;
  element("notice").textContent = notice;
  element("study").textContent = `Network “${network ?? "unnamed"}” of the study “${study ?? "unnamed"}”`;
  const shape = keepAspect ? "padded to a square" : "stretched to a square";
  const rows = [
    ["Input", `${size} × ${size} pixels, grey, ${shape}`],
    ["Findings", `${labels.length}${exclusive ? ", of which an image has one" : ""}`],
    ...(recalibrated ? [["Calibrated for", recalibrated.site]] : []),
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
    ["Accuracy", withInterval(test, "accuracy")], // of exclusive labels alone
    ["Calibration error, mean", test?.calibration_error?.macro?.toFixed(3)],
  ];
  return rows.filter(([, text]) => text);
}

/** A score with its 95 % interval, by default the mean over the findings. */
function withInterval(scores, name = "macro") {
  if (!Number.isFinite(scores?.[name])) return undefined;
  const ends = [scores[`${name}_low`], scores[`${name}_high`]];
  const interval = ends.every(Number.isFinite) ? ` (95 %: ${ends.map((end) => end.toFixed(3)).join(" to ")})` : "";
  return scores[name].toFixed(3) + interval;
}
