import { resize } from "./resize.js";
import { padded } from "./square.js";

/** @import { Grey } from "./resize.js" */

const LONGEST = 1024; // pixels of a side that a screen shows

/**
 * The film to look at: what the network saw, at more pixels.
 *
 * @param {Grey} image
 * @param {boolean} keepAspect whether the network saw it padded to a square
 * @returns {Grey}
 */
export function preview(image, keepAspect) {
  const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
  const small = resize(image, ...[image.width, image.height].map((side) => Math.max(1, Math.round(side * scale))));
  return keepAspect ? padded(small, Math.max(small.width, small.height)) : small;
}
