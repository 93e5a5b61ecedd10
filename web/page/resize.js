/**
 * Pillow's bilinear resize of grey images, equal to the bit: a triangle filter that widens with the scale, so it does
 * not alias, in two passes, each rounded to 8 bits.
 *
 * @typedef {{width: number, height: number, data: Uint8Array}} GreyImage - rows from the top, 0 black to 255 white
 */

const BITS = 22; // fractional bits of a weight; of 32 bits 8 are left for the pixel and 2 as a reserve
const HALF = 1 << (BITS - 1);

/** @param {GreyImage} image @param {number} width @param {number} height in pixels, may be 0 @returns {GreyImage} */
export function resize(image, width, height) {
  // Pillow's rule from version 13 on; the order of the passes decides how halves are rounded.
  const loss = image.height - height;
  const verticalFirst = loss > 0 && loss > 2 * (image.width - width);
  return verticalFirst ? alongRows(alongColumns(image, height), width) : alongColumns(alongRows(image, width), height);
}

/**
 * The pixels of a line of `from` that make up each pixel of a line of `to`, and their weights.
 *
 * @returns {{first: Int32Array, count: Int32Array, stride: number, weights: Int32Array}} the weights of pixel `n`
 *   start at `n * stride`, and 2 ** 22 is a weight of one
 */
function triangles(from, to) {
  const scale = from / to;
  const reach = Math.max(scale, 1);
  const stride = Math.ceil(reach) * 2 + 1;
  const [first, count, weights] = [new Int32Array(to), new Int32Array(to), new Int32Array(to * stride)];
  for (let n = 0; n < to; n++) {
    const center = (n + 0.5) * scale;
    first[n] = Math.max(Math.trunc(center - reach + 0.5), 0);
    count[n] = Math.min(Math.trunc(center + reach + 0.5), from) - first[n];
    weights.set(triangle(first[n] - center + 0.5, count[n], reach), n * stride);
  }
  return { first, count, stride, weights };
}

/** `count` heights, a pixel apart from `start` on, of a triangle with `reach` to each side; their sum is one. */
function triangle(start, count, reach) {
  // As Pillow does: multiplying by the inverse and dividing differ in the last bit.
  const inverse = 1 / reach;
  const heights = Array.from({ length: count }, (_, n) => Math.max(1 - Math.abs((n + start) * inverse), 0));
  const sum = heights.reduce((total, height) => total + height, 0);
  return heights.map((height) => Math.trunc(0.5 + (sum === 0 ? height : height / sum) * 2 ** BITS));
}

function alongRows(image, width) {
  const { width: from, height, data } = image;
  if (from === width) return image;
  const { first, count, stride, weights } = triangles(from, width);
  const out = new Uint8ClampedArray(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      let sum = HALF;
      for (let n = 0, pixel = y * from + first[x]; n < count[x]; n++) sum += data[pixel + n] * weights[x * stride + n];
      out[at] = sum >> BITS;
    }
  }
  return { width, height, data: new Uint8Array(out.buffer) };
}

function alongColumns(image, height) {
  const { width, height: from, data } = image;
  if (from === height) return image;
  const { first, count, stride, weights } = triangles(from, height);
  const out = new Uint8ClampedArray(width * height);
  const sums = new Int32Array(width);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    for (let n = 0; n < count[y]; n++) addRow(sums, data, (first[y] + n) * width, weights[y * stride + n]);
    for (let x = 0; x < width; x++) out[y * width + x] = sums[x] >> BITS;
  }
  return { width, height, data: new Uint8Array(out.buffer) };
}

function addRow(sums, data, start, weight) {
  for (let x = 0; x < sums.length; x++) sums[x] += data[start + x] * weight;
}
