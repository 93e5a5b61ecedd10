/**
 * The EXIF orientation of an image (EXIF 2.32, tag 0x0112).
 *
 * @typedef {import("./resize.js").GreyImage} GreyImage
 */

const ORIENTATION = 0x0112;
const ENTRY = 12; // bytes of an entry of a TIFF directory

/**
 * @param {Uint8Array} tiff the content of an EXIF chunk, which begins with "II" or "MM"
 * @returns {number} 1 to 8; 1 (upright) also if the value is missing or invalid
 */
export function orientationOf(tiff) {
  try {
    return firstOrientation(new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength));
  } catch (error) {
    if (error instanceof RangeError) return 1; // an offset points outside the chunk
    throw error;
  }
}

function firstOrientation(view) {
  const little = view.getUint8(0) === 0x49;
  const directory = view.getUint32(4, little);
  for (let n = 0; n < view.getUint16(directory, little); n++) {
    const entry = directory + 2 + n * ENTRY;
    if (view.getUint16(entry, little) === ORIENTATION) return valid(view.getUint16(entry + 8, little));
  }
  return 1;
}

function valid(orientation) {
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

/** @param {GreyImage} image @param {number} orientation 1 to 8 @returns {GreyImage} upright */
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
