/** Its message is the end of a sentence that begins with the name of the file: "is cut short". */
export class BadImage extends Error {}

const MAX_MEGAPIXELS = 100;

/** Refuse an image by the size in its header, before anything is decoded. Throws BadImage. */
export function checkSize(width, height) {
  if (width * height > MAX_MEGAPIXELS * 1e6) {
    throw new BadImage(`has ${width} × ${height} pixels; this page reads at most ${MAX_MEGAPIXELS} megapixels`);
  }
  if (!(width > 0 && height > 0)) throw new BadImage("has no pixels");
}
