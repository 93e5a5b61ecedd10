/** The transfer syntaxes (PS3.5, annex A) that this page reads, and what decodes their pixels. */

import { BadImage } from "./bad-image.js";

const FAMILY = "1.2.840.10008.1.2";
export const BIG_ENDIAN = `${FAMILY}.2`;
const UNCOMPRESSED = [undefined, "", FAMILY, `${FAMILY}.1`, BIG_ENDIAN]; // implicit, explicit VR of either byte order
const EXTENDED = `${FAMILY}.4.51`;
const DECODERS = {
  [`${FAMILY}.4.50`]: "jpeg",
  [EXTENDED]: "jpeg",
  [`${FAMILY}.4.57`]: "lossless",
  [`${FAMILY}.4.70`]: "lossless",
  [`${FAMILY}.4.80`]: "charls",
  [`${FAMILY}.4.81`]: "charls",
  [`${FAMILY}.4.90`]: "openjpeg",
  [`${FAMILY}.4.91`]: "openjpeg",
  [`${FAMILY}.5`]: "rle",
};

/**
 * @param {string | undefined} syntax a transfer syntax
 * @param {number} bits that are stored, as far as they are known
 * @returns {string | null} the name of its decoder in dicom-codecs.js; null for pixels that are not compressed
 * @throws {BadImage} if this page does not read it
 */
export function decoderOf(syntax, bits = 8) {
  if (UNCOMPRESSED.includes(syntax)) return null;
  if (!DECODERS[syntax]) throw new BadImage(`is a DICOM file in the transfer syntax ${syntax}; this page does not read it`);
  if (syntax === EXTENDED && bits > 8) throw new BadImage(`is a JPEG of ${bits} bits; this page reads those of 8`);
  return DECODERS[syntax];
}
