import { BadImage, checkSize } from "./bad-image.js";
import { luminance } from "./luminance.js";
import { orientationOf, upright } from "./orientation.js";
import { roundHalfEven } from "./rounding.js";
import { decode } from "./vendor/fast-png/index.js";

/** @import { GreyImage } from "./resize.js" */

const DAMAGED = "is a damaged PNG, or cut short";
const HEADER = 16; // offset of width, height, depth, colour type and interlacing: 4, 4, 1, 1, (2) and 1 bytes

/** @param {Uint8Array} bytes a PNG file @returns {GreyImage} @throws {BadImage} */
export function fromPng(bytes) {
  check(bytes);
  const image = decoded(bytes);
  const data = image.depth === 16 && image.channels === 1 ? stretched(image.data) : greyOf(image);
  return upright({ width: image.width, height: image.height, data }, orientation(bytes));
}

function check(bytes) {
  if (bytes.length < HEADER + 13 || nameAt(bytes, HEADER - 8) !== "IHDR") throw new BadImage(DAMAGED);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  checkSize(view.getUint32(HEADER), view.getUint32(HEADER + 4));
  const interlaced = view.getUint8(HEADER + 12) !== 0;
  // fast-png decodes these wrongly.
  if (interlaced && view.getUint8(HEADER + 8) < 8) throw new BadImage("is interlaced with less than 8 bits a sample");
}

function decoded(bytes) {
  try {
    return decode(bytes, { checkCrc: true });
  } catch (error) {
    throw new BadImage(DAMAGED, { cause: error });
  }
}

/** Stretch 16-bit samples from their least to their greatest value, as no value is white by convention. */
function stretched(samples) {
  let [low, high] = [65535, 0];
  for (const sample of samples) {
    if (sample < low) low = sample;
    if (sample > high) high = sample;
  }
  const scale = 255 / Math.max(high - low, 1);
  const levels = pixels(high + 1, (n) => Math.max(roundHalfEven((n - low) * scale), 0));
  return pixels(samples.length, (n) => levels[samples[n]]);
}

/** A loop: `Uint8Array.from` would first build an array of 100 million numbers. */
function pixels(count, valueAt) {
  const out = new Uint8Array(count);
  for (let n = 0; n < count; n++) out[n] = valueAt(n);
  return out;
}

function greyOf(image) {
  const samples = image.depth < 8 ? unpacked(image) : image.data;
  if (image.channels === 1 && (image.palette || image.depth < 8)) return throughTable(samples, tableOf(image));
  return image.channels < 3 ? fromGrey(image) : fromColour(image);
}

/** The grey level of each sample value: the luminance of the palette, or a share of white. */
function tableOf({ depth, palette }) {
  if (palette) return palette.map(([red, green, blue]) => luminance(red, green, blue));
  return Array.from({ length: 2 ** depth }, (_, n) => (n * 255) / (2 ** depth - 1));
}

function throughTable(samples, table) {
  return pixels(samples.length, (n) => table[samples[n]] ?? 0);
}

/** Opacity is ignored; of 16-bit samples the upper eight bits are used. */
function fromGrey({ data, channels, depth }) {
  return pixels(data.length / channels, (n) => data[n * channels] >> (depth - 8));
}

function fromColour({ data, channels, depth }) {
  const at = (n) => data[n] >> (depth - 8);
  return pixels(data.length / channels, (n) => luminance(at(n * channels), at(n * channels + 1), at(n * channels + 2)));
}

/** Unpack to one sample a byte; each row begins at a whole byte. */
function unpacked({ data, width, height, depth }) {
  const out = new Uint8Array(width * height);
  const stride = Math.ceil((width * depth) / 8);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const bit = x * depth;
      out[at] = (data[y * stride + (bit >> 3)] >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
    }
  }
  return out;
}

/** Find the EXIF chunk. A chunk is length, name, content and checksum; fast-png has checked that all are whole. */
function orientation(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = 8; at + 12 <= bytes.length; at += view.getUint32(at) + 12) {
    const content = bytes.subarray(at + 8, at + 8 + view.getUint32(at));
    if (nameAt(bytes, at) === "eXIf") return orientationOf(content);
  }
  return 1;
}

/** The name of the chunk that begins at `chunk`. */
function nameAt(bytes, chunk) {
  return String.fromCharCode(...bytes.subarray(chunk + 4, chunk + 8));
}
