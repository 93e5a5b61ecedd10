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
 * @param about the `attributes` that dicom.js reads
 * @returns {Uint8Array} grey levels, 0 black to 255 white
 */
export function displayed(stored, about) {
  const [isPadding, modality] = [paddingOf(about), modalityOf(about)];
  const { step, low, high } = lookedUp(about) ?? windowed(about) ?? fullRange(stored, isPadding, modality);
  const levels = new Uint8Array(stored.length);
  if (low === high) return levels;
  const [scale, inverted] = [255 / (high - low), about.interpretation === "MONOCHROME1"];
  for (let n = 0; n < levels.length; n++) {
    const level = Math.min(Math.max(roundHalfEven((step(modality(stored[n])) - low) * scale), 0), 255);
    if (!isPadding(stored[n])) levels[n] = inverted ? 255 - level : level;
  }
  return levels;
}

/** @returns {(value: number) => boolean} whether a stored value is padding */
function paddingOf({ padding, paddingLimit = padding }) {
  if (padding === undefined) return () => false;
  const [low, high] = [Math.min(padding, paddingLimit), Math.max(padding, paddingLimit)];
  return (value) => value >= low && value <= high;
}

/** @returns {Step} from stored values to modality values */
function modalityOf({ modality, slope, intercept }) {
  if (modality) return tabled(checked(modality));
  if (slope === undefined || intercept === undefined) return (value) => value;
  if (!Number.isFinite(slope * intercept)) throw new BadImage("is a DICOM file with a damaged rescale");
  return (value) => value * slope + intercept;
}

/** Refuse a modality table that pydicom does not read either: entries have 8 or 16 bits. */
function checked(table) {
  const most = 2 ** table.bits - 1;
  if (![8, 16].includes(table.bits) || table.entries.some((entry) => entry > most)) {
    throw new BadImage(`is a DICOM file with a modality table of ${table.bits} bits, which this page cannot read`);
  }
  return table;
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

/** Undefined if there is no valid window. */
function windowed(about) {
  if (!Number.isFinite(about.center)) return undefined;
  const share = SHAPES[about.shape]?.(about.center, about.width);
  if (!share) return undefined;
  const [least, greatest] = outputRange(about);
  return { step: (value) => share(value) * (greatest - least) + least, low: least, high: greatest };
}

/** Each VOI LUT function maps a value to a share of the output range, 0 to 1. @returns {Step | undefined} */
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

/** The range of modality values that the full range of stored values maps to. */
function outputRange({ bitsStored, signed, modality, slope, intercept }) {
  const full = 2 ** (modality ? modality.bits : bitsStored);
  const ends = signed && !modality ? [-full / 2, full / 2 - 1] : [0, full - 1];
  return slope === undefined || intercept === undefined ? ends : ends.map((end) => end * slope + intercept);
}

function fullRange(stored, isPadding, modality) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of stored) {
    if (isPadding(value)) continue;
    const shown = modality(value);
    if (shown < low) low = shown;
    if (shown > high) high = shown;
  }
  return low > high ? { step: (value) => value, low: 0, high: 0 } : { step: (value) => value, low, high };
}
