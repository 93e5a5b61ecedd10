/** What is wrong with a file, as the end of a sentence that begins with its name: "is cut short". */
export class BadImage extends Error {}

const MEGAPIXELS = 100;

/** Call before anything is decoded. Throws BadImage. */
export function checkSize(width, height) {
  if (width * height > MEGAPIXELS * 1e6) {
    throw new BadImage(`has ${width} × ${height} pixels; this page reads at most ${MEGAPIXELS} megapixels`);
  }
  if (!(width > 0 && height > 0)) throw new BadImage("has no pixels");
}
