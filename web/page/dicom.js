import { BadImage, checkSize } from "./bad-image.js";
import { displayed } from "./dicom-display.js";
import { storedValues } from "./dicom-pixels.js";
import { decodedFrame } from "./dicom-codecs.js";
import { BIG_ENDIAN, decoderOf } from "./dicom-syntax.js";
import { firstText, lookUpTable, number, pairs, signedByFile, swapped, text } from "./dicom-values.js";
import dicomParser from "./vendor/dicom-parser.js";

/** @import { GreyImage } from "./resize.js" */

const GREYS = ["MONOCHROME1", "MONOCHROME2"];
const WITHOUT_PIXELS = "is a DICOM file without its pixels, or cut short";
const HEADER = ["x00080060", "x00180015", "x00185101"]; // Modality, BodyPartExamined, ViewPosition
const ARRAYS = {
  8: [Uint8Array, Int8Array],
  16: [Uint16Array, Int16Array],
  32: [Uint32Array, Int32Array],
};

/**
 * @param {Uint8Array} bytes a grey DICOM file of one frame
 * @returns {Promise<GreyImage & {header: string[]}>}
 * @throws {BadImage}
 */
export async function fromDicom(bytes) {
  const dataset = parsed(bytes);
  const about = attributes(dataset);
  check(about);
  const { values, padding } = storedValues(await words(dataset, about), about);
  const data = displayed(values, padding, about);
  const header = HEADER.map((tag) => firstText(dataset, tag));
  return { width: about.columns, height: about.rows, data, header };
}

function parsed(bytes) {
  try {
    decoderOf(text(dicomParser.readPart10Header(bytes), "x00020010"));
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
    syntax: text(dataset, "x00020010"),
    representation: number(dataset, "x00280103"),
    rows: number(dataset, "x00280010"),
    columns: number(dataset, "x00280011"),
    frames: Number(firstText(dataset, "x00280008") || 1),
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
  if (Number.isNaN(frames)) throw new BadImage("is a DICOM file with a damaged NumberOfFrames");
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
async function words(dataset, about) {
  const { syntax, bitsAllocated, bitsStored, signed } = about;
  const decoder = decoderOf(syntax, bitsStored);
  const element = dataset.elements.x7fe00010;
  if (!element) throw new BadImage(WITHOUT_PIXELS);
  const content = decoder ? await decodedFrame(decoder, fragments(dataset, element), about) : plain(dataset, element, about);
  return new ARRAYS[bitsAllocated][signed ? 1 : 0](content.buffer);
}

/** The bytes of pixels that are not compressed, little endian. */
function plain({ byteArray }, element, { rows, columns, bitsAllocated, syntax }) {
  const length = (rows * columns * bitsAllocated) / 8;
  if (element.length < length) throw new BadImage(WITHOUT_PIXELS);
  const content = byteArray.slice(element.dataOffset, element.dataOffset + length + (length % 2));
  const size = element.vr === "OW" ? Math.max(2, bitsAllocated / 8) : bitsAllocated / 8; // of a word (PS3.5, 7.3)
  return (syntax === BIG_ENDIAN ? swapped(content, size) : content).slice(0, length);
}

/** The bytes of the one compressed frame, which may be in several fragments (PS3.5, A.4). */
function fragments({ byteArray }, { fragments: parts }) {
  if (!parts?.length) throw new BadImage(WITHOUT_PIXELS);
  const pieces = parts.map(({ position, length }) => byteArray.subarray(position, position + length));
  const frame = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  pieces.reduce((at, piece) => (frame.set(piece, at), at + piece.length), 0);
  return frame;
}
