import { resize } from "./resize.js";
import { roundHalfEven } from "./rounding.js";

/** @import { Grey } from "./resize.js" */

/**
 * What the network takes, equal to `images.square` in Python.
 *
 * @param {Grey} image
 * @param {number} size H, the side in pixels
 * @param {boolean} keepAspect pad the shorter side with black to the square, else stretch
 * @returns {Uint8Array} (H, H), rows from the top
 */
export function square(image, size, keepAspect) {
  return keepAspect ? padded(contained(image, size), size).data : resize(image, size, size).data;
}

/** The image in the middle of a black square of this side, whichever of its sides is the shorter. */
export function padded(image, size) {
  const left = roundHalfEven((size - image.width) / 2);
  const top = roundHalfEven((size - image.height) / 2);
  const data = new Uint8Array(size * size);
  for (let y = 0; y < image.height; y++) {
    data.set(image.data.subarray(y * image.width, (y + 1) * image.width), (top + y) * size + left);
  }
  return { width: size, height: size, data };
}

/** Resized so that the longer side is `size`; of an image like a line nothing may be left. */
export function contained(image, size) {
  const wide = image.width > image.height;
  // Divided before it is multiplied, as Pillow does: the last bit decides halves.
  const width = wide ? size : roundHalfEven((image.width / image.height) * size);
  const height = wide ? roundHalfEven((image.height / image.width) * size) : size;
  return resize(image, width, height);
}
