import { resize } from "./resize.js";
import { roundHalfEven } from "./rounding.js";

/** @import { GreyImage } from "./resize.js" */

/**
 * The input of the network, equal to `reading.square` in Python.
 *
 * @param {GreyImage} image
 * @param {number} size H, the side in pixels
 * @param {boolean} keepAspect pad the shorter side with black to the square, else stretch
 * @returns {Uint8Array} (H, H), rows from the top
 */
export function square(image, size, keepAspect) {
  return keepAspect ? padded(contained(image, size), size).data : resize(image, size, size).data;
}

/** Put the image in the middle of a black square of `size` pixels a side. */
export function padded(image, size) {
  const left = roundHalfEven((size - image.width) / 2);
  const top = roundHalfEven((size - image.height) / 2);
  const data = new Uint8Array(size * size);
  for (let y = 0; y < image.height; y++) {
    data.set(image.data.subarray(y * image.width, (y + 1) * image.width), (top + y) * size + left);
  }
  return { width: size, height: size, data };
}

/** Resize so that the longer side is `size`; the shorter side of a very narrow image becomes 0. */
export function contained(image, size) {
  const wide = image.width > image.height;
  // Divide before multiplying, as Pillow does: the order changes the last bit, which decides how halves are rounded.
  const width = wide ? size : roundHalfEven((image.width / image.height) * size);
  const height = wide ? roundHalfEven((image.height / image.width) * size) : size;
  return resize(image, width, height);
}
