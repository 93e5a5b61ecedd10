/**
 * From stored values to grey levels as a radiologist's screen shows them first, equal to rayling/images/dicom.py:
 * modality transform (PS3.3 C.11.1), first VOI table or window (C.11.2), then MONOCHROME1 inverted, padding black.
 *
 * @typedef {(value: number) => number} Step
 */

import { BadImage } from "./bad-image.js";
import { roundHalfEven } from "./rounding.js";

/**
 * @param {ArrayLike<number>} stored values, row by row
 * @param {Uint8Array} padding 1 where a value is padding
 * @param about the `attributes` that dicom.js reads
 * @returns {Uint8Array} grey levels, 0 black to 255 white
 */
export function displayed(stored, padding, about) {
  const modality = modalityOf(about);
  const { step, low, high } = lookedUp(about) ?? windowed(about) ?? fullRange(stored, padding, modality);
  const levels = new Uint8Array(stored.length);
  if (low === high) return levels;
  const [scale, inverted] = [255 / (high - low), about.interpretation === "MONOCHROME1"];
  const levelOf = remembered(stored, (value) => {
    const level = Math.min(Math.max(roundHalfEven((step(modality(value)) - low) * scale), 0), 255);
    return inverted ? 255 - level : level;
  });
  for (let n = 0; n < levels.length; n++) if (!padding[n]) levels[n] = levelOf(stored[n]);
  return levels;
}

/** The same function of the stored values, computed once for each of those of 16 bits or less. */
function remembered(stored, compute) {
  if (stored.BYTES_PER_ELEMENT > 2) return compute;
  const known = new Int16Array(2 ** 16).fill(-1);
  return (value) => {
    const key = value & 0xffff;
    return known[key] < 0 ? (known[key] = compute(value)) : known[key];
  };
}

/** @returns {Step} from stored values to modality values; an empty number changes nothing */
function modalityOf({ modality, slope, intercept }) {
  if (modality) return tabled(modality);
  if (slope === undefined && intercept === undefined) return (value) => value;
  const [factor, offset] = [slope ?? 1, intercept ?? 0];
  if (!Number.isFinite(factor * offset) || factor === 0) throw new BadImage("is a DICOM file with a damaged rescale");
  return (value) => value * factor + offset;
}

/** @returns {Step} */
function tabled({ first, entries }) {
  return (value) => entries[Math.min(Math.max(value - first, 0), entries.length - 1)];
}

/** @returns {{step: Step, low: number, high: number} | undefined} `low` and `high` become black and white */
function lookedUp({ voi }) {
  if (!voi) return undefined;
  const look = tabled(voi);
  return { step: (value) => look(roundHalfEven(value)), low: 0, high: 2 ** voi.bits - 1 };
}

/** The first valid window, undefined if there is none. */
function windowed({ windows, shape }) {
  const valid = windows.filter((window) => window.every(Number.isFinite));
  const step = valid.map(([center, width]) => SHAPES[shape]?.(center, width)).find((share) => share);
  return step && { step, low: 0, high: 1 };
}

/** Each VOI LUT function maps black to 0 and white to 1. @returns {Step | undefined} */
const SHAPES = {
  LINEAR: (center, width) => (width >= 1 ? ramp(center - 0.5, width - 1) : undefined),
  LINEAR_EXACT: (center, width) => (width > 0 ? ramp(center, width) : undefined),
  SIGMOID: (center, width) => (width > 0 ? (value) => 1 / (1 + Math.exp((-4 * (value - center)) / width)) : undefined),
};

function ramp(center, width) {
  return (value) => {
    if (value <= center - width / 2) return 0;
    return value > center + width / 2 ? 1 : (value - center) / width + 0.5;
  };
}

function fullRange(stored, padding, modality) {
  let [low, high] = [Infinity, -Infinity];
  for (let n = 0; n < stored.length; n++) {
    if (padding[n]) continue;
    const shown = modality(stored[n]);
    if (shown < low) low = shown;
    if (shown > high) high = shown;
  }
  return low > high ? { step: (value) => value, low: 0, high: 0 } : { step: (value) => value, low, high };
}
