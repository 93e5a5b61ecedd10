/**
 * From words to stored values: what the header says of the bits, checked against them, as
 * rayling/images/dicom_pixels.py does.
 */

import { BadImage } from "./bad-image.js";

const ROWS_COMPARED = 256; // of an image, to tell values of more bits from other content of those bits

/**
 * Bits outside of `bitsStored` are ignored (PS3.5, 8.1.1), but padding may use them.
 *
 * @param {ArrayLike<number>} words of `bitsAllocated` bits, row by row
 * @param about the `attributes` that dicom.js reads
 * @returns {{values: ArrayLike<number>, padding: Uint8Array}} `padding`: 1 where a value is padding
 * @throws {BadImage} if values go on outside of `bitsStored`
 */
export function storedValues(words, about) {
  const { bitsAllocated, bitsStored, signed } = about;
  const isPadding = paddingOf(about);
  const padding = new Uint8Array(words.length);
  mark(padding, words, isPadding);
  if (bitsStored === bitsAllocated) return { values: words, padding };
  const shift = shiftOf(words, padding, about);
  const [left, right] = [32 - bitsStored - shift, 32 - bitsStored];
  const values = words.map((word) => (signed ? (word << left) >> right : (word << left) >>> right));
  const whole = words.map((word) => (signed ? word >> shift : word >>> shift));
  refuseMoreBits(whole, values, padding, about);
  mark(padding, values, isPadding);
  return { values, padding };
}

/** Set `padding` to 1 where a number is padding. @param {((number: number) => boolean) | null} isPadding */
function mark(padding, numbers, isPadding) {
  if (isPadding) for (let n = 0; n < numbers.length; n++) if (isPadding(numbers[n])) padding[n] = 1;
}

/** How many bits lie below the stored values: `highBit` says so unless the words belie it. */
function shiftOf(words, padding, { bitsAllocated, bitsStored, highBit = bitsStored - 1 }) {
  const shift = highBit + 1 - bitsStored;
  if (!(shift > 0 && shift <= bitsAllocated - bitsStored)) return 0;
  const used = words.reduce((bits, word, n) => (padding[n] ? bits : bits | word), 0);
  const [low, high] = [used & (2 ** shift - 1), (used & (2 ** bitsAllocated - 1)) >>> bitsStored];
  return low && !high ? 0 : shift;
}

/** Refuse words that vary less than their stored bits, which then are the remainder of larger values. */
function refuseMoreBits(whole, values, padding, { rows, columns, bitsStored }) {
  if (values.every((value, n) => value === whole[n])) return;
  const step = Math.max(1, Math.floor(rows / ROWS_COMPARED));
  const variation = (of) => {
    let sum = 0;
    for (let row = 0; row < rows; row += step) {
      for (let n = row * columns + 1; n < (row + 1) * columns; n++) {
        sum += Math.abs((padding[n] ? 0 : of[n]) - (padding[n - 1] ? 0 : of[n - 1]));
      }
    }
    return sum;
  };
  if (variation(whole) < variation(values)) {
    throw new BadImage(`is a DICOM file with values of more than the ${bitsStored} bits that it declares`);
  }
}

/** Whether a number is padding (PS3.3, C.7.5.1.1.2), whose sign may be written otherwise; null if none can be. */
function paddingOf({ padding, paddingLimit = padding, bitsAllocated, signed }) {
  const least = signed ? -(2 ** (bitsAllocated - 1)) : 0;
  const most = least + 2 ** bitsAllocated - 1;
  const fitting = (end) => [end, end - 2 ** 16, end + 2 ** 16].find((each) => least <= each && each <= most);
  const ends = [fitting(padding), fitting(paddingLimit)];
  if (ends.includes(undefined)) return null;
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  return (value) => value >= low && value <= high;
}
