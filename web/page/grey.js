import { BadImage } from "./bad-image.js";
import { fromDicom } from "./dicom.js";
import { fromJpeg } from "./jpeg.js";
import { fromPng } from "./png.js";

/** @import { Grey } from "./resize.js" */

const LARGEST = 2 ** 30; // bytes; 100 megapixels of 16-bit colour and opacity, uncompressed, are fewer

const FORMATS = [
  { magic: "DICM", at: 128, read: fromDicom },
  { magic: "\x89PNG\r\n\x1a\n", at: 0, read: fromPng },
  { magic: "\xff\xd8\xff", at: 0, read: fromJpeg },
];

/**
 * Read a file as `images.grey` does in Python: its content tells the format, its name does not.
 *
 * @param {File} file
 * @returns {Promise<Grey>}
 * @throws {BadImage} for what is no whole PNG, JPEG or DICOM of at most 100 megapixels
 */
export async function grey(file) {
  if (file.size > LARGEST) throw new BadImage("is larger than 1 GiB");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const format = FORMATS.find(({ magic, at }) => textAt(bytes, at, magic.length) === magic);
  if (!format) throw new BadImage("is not a PNG, JPEG or DICOM image");
  return format.read(bytes);
}

function textAt(bytes, at, length) {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}
