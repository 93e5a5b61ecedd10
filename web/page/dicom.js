import { BadImage, checkSize } from "./bad-image.js";
import { displayed } from "./dicom-display.js";
import { storedValues } from "./dicom-pixels.js";
import { checkSyntax } from "./dicom-syntax.js";
import { firstText, lookUpTable, number, pairs, signedByFile, text } from "./dicom-values.js";
import dicomParser from "./vendor/dicom-parser.js";

/** @import { GreyImage } from "./resize.js" */

const GREYS = ["MONOCHROME1", "MONOCHROME2"];
const HEADER = ["x00080060", "x00180015", "x00185101"]; // Modality, BodyPartExamined, ViewPosition
const ARRAYS = {
  8: [Uint8Array, Int8Array],
  16: [Uint16Array, Int16Array],
  32: [Uint32Array, Int32Array],
};

/** @param {Uint8Array} bytes an uncompressed grey DICOM file of one frame @returns {GreyImage & {header: string[]}} @throws {BadImage} */
export function fromDicom(bytes) {
  const dataset = parsed(bytes);
  const about = attributes(dataset);
  check(about);
  const { values, padding } = storedValues(words(dataset, about), about);
  const data = displayed(values, padding, about);
  const header = HEADER.map((tag) => firstText(dataset, tag));
  return { width: about.columns, height: about.rows, data, header };
}

function parsed(bytes) {
  try {
    checkSyntax(text(dicomParser.readPart10Header(bytes), "x00020010"));
    return dicomParser.parseDicom(bytes);
  } catch (error) {
    if (error instanceof BadImage) throw error;
    throw new BadImage("is a damaged DICOM file, or cut short", { cause: error });
  }
}

/** The attributes of the pixels, undefined where the file does not have them. */
function attributes(dataset) {
  const signed = number(dataset, "x00280103") === 1;
  return {
    representation: number(dataset, "x00280103"),
    rows: number(dataset, "x00280010"),
    columns: number(dataset, "x00280011"),
    frames: number(dataset, "x00280008", "intString") || 1,
    samples: number(dataset, "x00280002"),
    interpretation: text(dataset, "x00280004"),
    bitsAllocated: number(dataset, "x00280100"),
    bitsStored: number(dataset, "x00280101"),
    highBit: number(dataset, "x00280102"),
    signed,
    padding: signedByFile(dataset, "x00280120", signed),
    paddingLimit: signedByFile(dataset, "x00280121", signed),
    slope: number(dataset, "x00281053", "floatString"),
    intercept: number(dataset, "x00281052", "floatString"),
    windows: pairs(dataset, "x00281050", "x00281051"),
    shape: text(dataset, "x00281056") || "LINEAR",
    modality: lookUpTable(dataset, "x00283000", signed),
    voi: lookUpTable(dataset, "x00283010", signed),
  };
}

/** Refuse a file that this page cannot read by its header, before the pixels are read. */
function check({ rows, columns, frames, samples, interpretation, bitsAllocated, bitsStored, representation }) {
  if (frames > 1) throw new BadImage(`has ${frames} frames; this page reads single images`);
  if (!GREYS.includes(interpretation) || samples !== 1) {
    throw new BadImage(`is a DICOM file in ${interpretation || "unknown colours"}; this page reads grey ones`);
  }
  checkSize(columns, rows);
  if (!ARRAYS[bitsAllocated] || !(bitsStored >= 1 && bitsStored <= bitsAllocated) || representation === undefined) {
    throw new BadImage(`is a DICOM file of ${bitsStored} bits in ${bitsAllocated}, which this page cannot read`);
  }
}

/** The words of the pixels, of which the stored values are a part. */
function words(dataset, { rows, columns, bitsAllocated, signed }) {
  const length = (rows * columns * bitsAllocated) / 8;
  const element = dataset.elements.x7fe00010;
  if (!element || element.length < length) throw new BadImage("is a DICOM file without its pixels, or cut short");
  const content = dataset.byteArray.slice(element.dataOffset, element.dataOffset + length);
  return new ARRAYS[bitsAllocated][signed ? 1 : 0](content.buffer);
}
