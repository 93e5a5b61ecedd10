import { resize } from "./resize.js";
import { padded } from "./square.js";

/** @import { GreyImage } from "./resize.js" */

const MAX_SIDE = 1024; // pixels

/**
 * The image to show: in the shape that the network takes, but larger.
 *
 * @param {GreyImage} image
 * @param {boolean} keepAspect whether the network takes it padded to a square
 * @returns {GreyImage}
 */
export function preview(image, keepAspect) {
  const scale = Math.min(1, MAX_SIDE / Math.max(image.width, image.height));
  const small = resize(image, ...[image.width, image.height].map((side) => Math.max(1, Math.round(side * scale))));
  return keepAspect ? padded(small, Math.max(small.width, small.height)) : small;
}
