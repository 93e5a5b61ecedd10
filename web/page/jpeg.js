import { BadImage, checkSize } from "./bad-image.js";
import { luminance } from "./luminance.js";

/** @import { GreyImage } from "./resize.js" */

const STRIP = 2 ** 20; // pixels read back at a time: canvases of some phones are limited to 16 megapixels
const AS_STORED = { colorSpaceConversion: "none", premultiplyAlpha: "none", imageOrientation: "from-image" };

const [END, SCAN, FRAMES, NO_FRAMES] = [0xd9, 0xda, [0xc0, 0xcf], [0xc4, 0xc8, 0xcc]]; // the markers' second bytes

/** @param {Uint8Array} bytes a JPEG file @returns {Promise<GreyImage>} turned upright @throws {BadImage} */
export async function fromJpeg(bytes) {
  const { width, height, components } = header(bytes);
  checkSize(width, height);
  if (components === 4) throw new BadImage("is a JPEG in printing colours (CMYK)");
  const bitmap = await decoded(bytes);
  try {
    return luminanceOf(bitmap);
  } finally {
    bitmap.close();
  }
}

async function decoded(bytes) {
  try {
    return await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }), AS_STORED);
  } catch (error) {
    throw new BadImage("is a damaged JPEG, or of a kind that this browser does not read", { cause: error });
  }
}

/**
 * Read the header, and refuse a file that is cut short, of which browsers would show a part.
 *
 * @returns {{width: number, height: number, components: number}} before it is turned upright
 */
function header(bytes) {
  let frame = null;
  for (let at = 2; at + 4 <= bytes.length + 2; ) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff) throw new BadImage("is a damaged JPEG");
    if (marker === END && frame) return frame;
    if (marker === 0xff) at += 1; // a fill byte
    else {
      if (isFrame(marker)) frame = frameAt(bytes, at + 5);
      at += 2 + ((bytes[at + 2] << 8) | bytes[at + 3]);
      if (marker === SCAN) at = afterScan(bytes, at);
    }
  }
  throw new BadImage("is a JPEG that is cut short");
}

function isFrame(marker) {
  return marker >= FRAMES[0] && marker <= FRAMES[1] && !NO_FRAMES.includes(marker);
}

function frameAt(bytes, at) {
  const [height, width] = [(bytes[at] << 8) | bytes[at + 1], (bytes[at + 2] << 8) | bytes[at + 3]];
  return { width, height, components: bytes[at + 4] };
}

/** The next marker that is neither an escaped byte of data (FF 00) nor a restart marker (FF D0 to FF D7). */
function afterScan(bytes, start) {
  for (let at = bytes.indexOf(0xff, start); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1];
    if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  return bytes.length;
}

function luminanceOf(bitmap) {
  const { width, height } = bitmap;
  const data = new Uint8Array(width * height);
  const rows = Math.max(1, Math.floor(STRIP / width));
  const canvas = new OffscreenCanvas(width, Math.min(rows, height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let top = 0; top < height; top += rows) {
    context.drawImage(bitmap, 0, -top);
    const colours = context.getImageData(0, 0, width, Math.min(rows, height - top)).data;
    fill(data, top * width, colours);
  }
  return { width, height, data };
}

function fill(data, start, colours) {
  for (let n = 0; n < colours.length; n += 4) {
    data[start + n / 4] = luminance(colours[n], colours[n + 1], colours[n + 2]);
  }
}
