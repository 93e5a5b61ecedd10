import { BadImage } from "./bad-image.js";

const UNCOMPRESSED = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"]; // implicit, explicit VR little endian

/** @param {string | undefined} syntax a transfer syntax @throws {BadImage} if this page does not read it */
export function checkSyntax(syntax) {
  if (syntax && !UNCOMPRESSED.includes(syntax)) {
    throw new BadImage(`is a compressed DICOM file (${syntax}); this page reads uncompressed ones`);
  }
}
