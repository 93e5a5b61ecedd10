/**
 * Why does the network say so? A square of the film is hidden, the network asked again: the more the log-odds of a
 * finding fall, the more that part of the film spoke for it. On films of H × H pixels; equal to distill/occlusion.py.
 */

const POSITIONS = 12; // each way
const SHARE = 6; // windows that lie side by side in a film
const LEAST = 1e-6; // of a probability: log-odds stay finite

/** @returns {{side: number, corners: {left: number, top: number}[]}} 144 windows, row by row, all inside the film */
export function windows(size) {
  const side = Math.max(1, Math.round(size / SHARE));
  const starts = Array.from({ length: POSITIONS }, (_, n) => Math.round((n * (size - side)) / (POSITIONS - 1)));
  return { side, corners: starts.flatMap((top) => starts.map((left) => ({ left, top }))) };
}

/** A copy of `pixels` (H, H) with one window painted in `grey` (0 to 255). */
export function hidden(pixels, size, { left, top }, side, grey) {
  const copy = pixels.slice();
  for (let y = top; y < top + side; y++) copy.fill(grey, y * size + left, y * size + left + side);
  return copy;
}

/** @param {number} probability */
export function logOdds(probability) {
  const clipped = Math.min(Math.max(probability, LEAST), 1 - LEAST);
  return Math.log(clipped / (1 - clipped));
}

/**
 * From windows to pixels.
 *
 * @param {ArrayLike<number>} falls (144,) by how much the log-odds fell with each of the `windows`
 * @returns {Float64Array} (H, H): the mean over the windows that cover a pixel
 */
export function spread(falls, size) {
  const { side, corners } = windows(size);
  const [sum, count] = [new Float64Array(size * size), new Float64Array(size * size)];
  corners.forEach(({ left, top }, n) => {
    for (let y = top; y < top + side; y++) {
      for (let x = left; x < left + side; x++) {
        sum[y * size + x] += falls[n];
        count[y * size + x] += 1;
      }
    }
  });
  return sum.map((value, n) => value / count[n]);
}
