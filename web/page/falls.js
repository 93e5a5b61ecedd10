import { hidden, logOdds, windows } from "./occlusion.js";
import { roundHalfEven } from "./rounding.js";

const PIXELS = 2 ** 19; // at a time: what the network holds between its layers must fit into a phone

/**
 * Ask the network once more for each window of the film, with that window hidden in the train images' mean grey.
 *
 * @param {import("./network.js").Network} network
 * @param {Uint8Array} pixels (H, H)
 * @param {Float32Array} probabilities (K,) of the whole film
 * @param {(share: number) => Promise<boolean>} goOn told after each batch how much is done; false stops
 * @returns {Promise<Float64Array[] | undefined>} K times (144,): by how much the log-odds fall; undefined if stopped
 */
export async function falls(network, pixels, probabilities, goOn) {
  const { size, mean, labels } = network.facts;
  const { side, corners } = windows(size);
  const [grey, batch] = [roundHalfEven(mean * 255), Math.max(1, Math.floor(PIXELS / size ** 2))];
  const found = labels.map(() => new Float64Array(corners.length));
  for (let start = 0; start < corners.length; start += batch) {
    const images = corners.slice(start, start + batch).map((corner) => hidden(pixels, size, corner, side, grey));
    const answers = (await network.run(images)).probabilities;
    answers.forEach((answer, n) => note(found, start + n, probabilities, answer));
    if (!(await goOn(Math.min(1, (start + batch) / corners.length)))) return undefined;
  }
  return found;
}

function note(found, window, whole, answer) {
  found.forEach((values, label) => {
    values[window] = logOdds(whole[label]) - logOdds(answer[label]);
  });
}
