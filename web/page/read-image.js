import { BadImage } from "./bad-image.js";
import { fromDicom } from "./dicom.js";
import { fromJpeg } from "./jpeg.js";
import { fromPng } from "./png.js";

/** @import { GreyImage } from "./resize.js" */

const MAX_BYTES = 2 ** 30; // more than 100 megapixels of uncompressed 16-bit RGBA

const FORMATS = [
  { magic: "DICM", at: 128, read: fromDicom },
  { magic: "\x89PNG\r\n\x1a\n", at: 0, read: fromPng },
  { magic: "\xff\xd8\xff", at: 0, read: fromJpeg },
];

/**
 * Read a file as `reading.grey` does in Python: its content decides the format, not its name.
 *
 * @param {File} file
 * @returns {Promise<GreyImage>}
 * @throws {BadImage} unless it is a whole PNG, JPEG or DICOM of at most 100 megapixels
 */
export async function readImage(file) {
  if (file.size > MAX_BYTES) throw new BadImage("is larger than 1 GiB");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const format = FORMATS.find(({ magic, at }) => textAt(bytes, at, magic.length) === magic);
  if (!format) throw new BadImage("is not a PNG, JPEG or DICOM image");
  return format.read(bytes);
}

function textAt(bytes, at, length) {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}
