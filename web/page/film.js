/** Pixels onto canvases. */

const PALE = [255, 205, 80]; // red, green, blue of a weak value
const STRONG = [232, 40, 20];
const OPAQUE = 0.8; // of the strongest: the film must stay visible below it

/** @param {HTMLCanvasElement} canvas @param {import("./resize.js").Grey} film */
export function drawFilm(canvas, { width, height, data }) {
  draw(canvas, width, height, (n) => [data[n], data[n], data[n], 255]);
}

/**
 * The positive values, the largest strongest.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Float64Array} values (H, H)
 * @param {number} size H
 * @returns {number} the largest value, at least 0
 */
export function drawHeat(canvas, values, size) {
  const strongest = values.reduce((most, value) => Math.max(most, value), 0);
  draw(canvas, size, size, (n) => (values[n] > 0 ? heat(values[n] / strongest) : [0, 0, 0, 0]));
  return strongest;
}

function heat(share) {
  const colour = PALE.map((pale, channel) => pale + (STRONG[channel] - pale) * share);
  return [...colour, 255 * OPAQUE * share];
}

function draw(canvas, width, height, colourAt) {
  Object.assign(canvas, { width, height });
  const picture = new ImageData(width, height);
  for (let n = 0; n < width * height; n++) picture.data.set(colourAt(n), 4 * n);
  canvas.getContext("2d").putImageData(picture, 0, 0);
}
