/** Values of a dicom-parser data set. Tags are written as there: "x" and eight hexadecimal digits. */

import { BadImage } from "./bad-image.js";
import { BIG_ENDIAN } from "./dicom-syntax.js";

/** The first number of an element, undefined if it is absent or empty; `kind` is one of dicom-parser's readers. */
export function number(dataset, tag, kind = "uint16") {
  return dataset.elements[tag]?.length ? dataset[kind](tag) : undefined;
}

export function text(dataset, tag) {
  return dataset.string(tag)?.trim();
}

/** The first value of an element of text, "" if it is absent or empty. */
export function firstText(dataset, tag) {
  return (text(dataset, tag) ?? "").split("\\")[0].trim();
}

/** The numbers of two elements of text, side by side; [] if one is absent or empty. @returns {[number, number][]} */
export function pairs(dataset, first, second) {
  const count = Math.min(...[first, second].map((tag) => text(dataset, tag)?.split("\\").length ?? 0));
  const at = (tag, n) => dataset.floatString(tag, n) ?? NaN;
  return Array.from({ length: count }, (_, n) => [at(first, n), at(second, n)]);
}

/** A 16-bit number, signed if its VR says so or, in files with implicit VR, if the pixels are signed. */
export function signedByFile(dataset, tag, pixelsSigned) {
  return number(dataset, tag, isSigned(dataset, tag, pixelsSigned) ? "int16" : "uint16");
}

function isSigned(dataset, tag, pixelsSigned) {
  const type = dataset.elements[tag]?.vr;
  return type === "SS" || (type !== "US" && pixelsSigned);
}

/**
 * The first look-up table of a sequence that has entries (PS3.3 C.11.1.1 and C.11.2.1.1), undefined if there is none.
 *
 * @returns {{first: number, bits: number, entries: Uint16Array | Uint8Array} | undefined} `first`: the value that maps
 *   to the first entry; `bits`: the nominal depth of the entries
 * @throws {BadImage} if entries are missing
 */
export function lookUpTable(dataset, tag, pixelsSigned) {
  const item = dataset.elements[tag]?.items?.find(({ dataSet }) => dataSet.elements.x00283006?.length)?.dataSet;
  if (!item) return undefined;
  const { x00283002: descriptor, x00283006: content } = item.elements;
  if (!(descriptor?.length >= 6)) throw new BadImage("is a DICOM file with a damaged look-up table");
  const [count, bits] = [item.uint16("x00283002", 0) || 2 ** 16, item.uint16("x00283002", 2)]; // 0 stands for 65,536
  const packed = bits <= 8 && content.length - (content.length % 2) === count + (count % 2) && count > 1;
  const length = packed ? count : 2 * count;
  if (content.length < length || bits < 1 || bits > 16) {
    throw new BadImage("is a DICOM file with a damaged look-up table");
  }
  const asSigned = isSigned(item, "x00283002", pixelsSigned) || pixelsSigned;
  const first = asSigned ? item.int16("x00283002", 1) : item.uint16("x00283002", 1);
  const entries = item.byteArray.slice(content.dataOffset, content.dataOffset + length);
  if (isBigEndian(dataset)) swapped(entries, 2);
  return { first, bits, entries: packed ? entries : new Uint16Array(entries.buffer) };
}

/** @returns {Uint8Array} the same bytes, those of each word in the other order */
export function swapped(bytes, size) {
  for (let at = 0; at + size <= bytes.length; at += size) bytes.subarray(at, at + size).reverse();
  return bytes;
}

function isBigEndian(dataset) {
  return text(dataset, "x00020010") === BIG_ENDIAN;
}
