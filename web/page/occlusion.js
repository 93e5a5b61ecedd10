/**
 * Occlusion maps, equal to rayling/explain/occlusion.py: by how much the log-odds of a finding drop where a square of
 * the image is hidden from the network. Images of H × H pixels, K labels.
 */

import { roundHalfEven } from "./rounding.js";

const POSITIONS = 12; // of the window, each way
const WINDOWS_PER_SIDE = 6; // the window's side is a sixth of the image's
const MIN_PROBABILITY = 1e-6; // probabilities are clipped, so log-odds stay finite
const BATCH_PIXELS = 2 ** 19; // more at a time would need too much memory on a phone

/**
 * Run the network once for each window, with that window filled with the mean grey of the training images.
 *
 * @param {import("./network.js").Network} network
 * @param {Uint8Array} pixels (H, H)
 * @param {Float32Array} probabilities (K,) of the whole image
 * @param {(share: number) => Promise<boolean>} onProgress called after each batch with the share that is done, 0 to 1;
 *   stops if it returns false
 * @returns {Promise<Float64Array[] | undefined>} K times (144,): the drop of the log-odds; undefined if stopped
 */
export async function logOddsDrops(network, pixels, probabilities, onProgress) {
  const { size, mean, labels } = network.facts;
  const { side, corners } = windows(size);
  const [grey, batch] = [roundHalfEven(mean * 255), Math.max(1, Math.floor(BATCH_PIXELS / size ** 2))];
  const drops = labels.map(() => new Float64Array(corners.length));
  for (let start = 0; start < corners.length; start += batch) {
    const images = corners.slice(start, start + batch).map((corner) => occluded(pixels, size, corner, side, grey));
    const answers = (await network.run(images)).probabilities;
    answers.forEach((answer, n) => {
      drops.forEach((drop, label) => {
        drop[start + n] = logOdds(probabilities[label]) - logOdds(answer[label]);
      });
    });
    if (!(await onProgress(Math.min(1, (start + batch) / corners.length)))) return undefined;
  }
  return drops;
}

/** @returns {{side: number, corners: {left: number, top: number}[]}} 144 windows, row by row, all inside the image */
export function windows(size) {
  const side = Math.max(1, Math.round(size / WINDOWS_PER_SIDE));
  const starts = Array.from({ length: POSITIONS }, (_, n) => Math.round((n * (size - side)) / (POSITIONS - 1)));
  return { side, corners: starts.flatMap((top) => starts.map((left) => ({ left, top }))) };
}

/** A copy of `pixels` (H, H) with one window filled with `grey` (0 to 255). */
export function occluded(pixels, size, { left, top }, side, grey) {
  const copy = pixels.slice();
  for (let y = top; y < top + side; y++) copy.fill(grey, y * size + left, y * size + left + side);
  return copy;
}

/** @param {number} probability */
export function logOdds(probability) {
  const clipped = Math.min(Math.max(probability, MIN_PROBABILITY), 1 - MIN_PROBABILITY);
  return Math.log(clipped / (1 - clipped));
}

/**
 * From windows to pixels.
 *
 * @param {ArrayLike<number>} drops (144,) of one label, in the order of `windows`
 * @returns {Float64Array} (H, H): the mean over the windows that cover a pixel
 */
export function pixelMap(drops, size) {
  const { side, corners } = windows(size);
  const [sum, count] = [new Float64Array(size * size), new Float64Array(size * size)];
  corners.forEach(({ left, top }, n) => {
    for (let y = top; y < top + side; y++) {
      for (let x = left; x < left + side; x++) {
        sum[y * size + x] += drops[n];
        count[y * size + x] += 1;
      }
    }
  });
  return sum.map((value, n) => value / count[n]);
}
