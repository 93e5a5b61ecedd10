/** Draw pixels on canvases. */

const YELLOW = [255, 205, 80]; // red, green, blue of the smallest positive value
const RED = [232, 40, 20]; // of the largest
const MAX_OPACITY = 0.8; // the image stays visible below the map

/** @param {HTMLCanvasElement} canvas @param {import("./resize.js").GreyImage} image */
export function drawImage(canvas, { width, height, data }) {
  draw(canvas, width, height, (n) => [data[n], data[n], data[n], 255]);
}

/**
 * Draw the positive values of an occlusion map, coloured relative to the largest.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Float64Array} values (H, H)
 * @param {number} size H
 * @returns {number} the largest value, at least 0
 */
export function drawMap(canvas, values, size) {
  const largest = values.reduce((most, value) => Math.max(most, value), 0);
  draw(canvas, size, size, (n) => (values[n] > 0 ? colourOf(values[n] / largest) : [0, 0, 0, 0]));
  return largest;
}

function colourOf(share) {
  const colour = YELLOW.map((yellow, channel) => yellow + (RED[channel] - yellow) * share);
  return [...colour, 255 * MAX_OPACITY * share];
}

function draw(canvas, width, height, colourAt) {
  Object.assign(canvas, { width, height });
  const pixels = new ImageData(width, height);
  for (let n = 0; n < width * height; n++) pixels.data.set(colourAt(n), 4 * n);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}
