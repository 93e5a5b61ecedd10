/**
 * How a picture was turned when it was taken (EXIF 2.32, tag 0x0112).
 *
 * @typedef {import("./resize.js").Grey} Grey
 */

const ORIENTATION = 0x0112;
const ENTRY = 12; // bytes of an entry of a TIFF directory

/**
 * @param {Uint8Array} tiff what an EXIF chunk holds, from "II" or "MM" on
 * @returns {number} 1 to 8; 1, upright, also where nothing sensible is said
 */
export function orientationOf(tiff) {
  try {
    return firstOrientation(new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength));
  } catch (error) {
    if (error instanceof RangeError) return 1; // it points outside itself
    throw error;
  }
}

function firstOrientation(view) {
  const little = view.getUint8(0) === 0x49;
  const directory = view.getUint32(4, little);
  for (let n = 0; n < view.getUint16(directory, little); n++) {
    const entry = directory + 2 + n * ENTRY;
    if (view.getUint16(entry, little) === ORIENTATION) return sensible(view.getUint16(entry + 8, little));
  }
  return 1;
}

function sensible(orientation) {
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

/** @param {Grey} image @param {number} orientation 1 to 8 @returns {Grey} upright */
export function upright(image, orientation) {
  if (orientation === 1) return image;
  const { width, height, data } = image;
  const onSide = orientation >= 5;
  const [columns, rows] = onSide ? [height, width] : [width, height];
  const out = new Uint8Array(columns * rows);
  for (let y = 0, at = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, at++) {
      const [column, row] = onSide ? [y, x] : [x, y];
      const fromX = [2, 3, 7, 8].includes(orientation) ? width - 1 - column : column;
      const fromY = [3, 4, 6, 7].includes(orientation) ? height - 1 - row : row;
      out[at] = data[fromY * width + fromX];
    }
  }
  return { width: columns, height: rows, data: out };
}
