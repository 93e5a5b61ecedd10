/**
 * Decoders of compressed DICOM pixels. Each is loaded when a film first needs it.
 *
 * All take the bytes of one grey frame and what the header says of it, and return its words, row by row.
 */

import { BadImage } from "./bad-image.js";
import { sizeInHeader } from "./codestream.js";
import { fromJpeg } from "./jpeg.js";
import { fromRle } from "./rle.js";

const LIBRARIES = {
  lossless: () => import("./vendor/jpeg-lossless.js"),
  charls: () => webAssembly("charls"),
  openjpeg: () => webAssembly("openjpeg"),
};
const DECODERS = {
  jpeg: (frame) => fromJpeg(frame),
  lossless: jpegLossless,
  charls: (frame, about, { JpegLSDecoder }) => byWebAssembly(JpegLSDecoder, frame, about),
  openjpeg: (frame, about, { J2KDecoder }) => byWebAssembly(J2KDecoder, frame, about),
  rle: (frame, about) => ({ width: about.columns, height: about.rows, data: fromRle(frame, about) }),
};

/**
 * @param {string} name of the decoder, see dicom-syntax.js
 * @param {Uint8Array} frame the encoded bytes
 * @param {{rows: number, columns: number, bitsAllocated: number}} about
 * @returns {Promise<Uint8Array>} the bytes of the words, rows × columns of `bitsAllocated` bits, little endian
 * @throws {BadImage} for a frame that is damaged or of another size than the header says, and if the decoder cannot be
 *   loaded
 */
export async function decodedFrame(name, frame, about) {
  const library = await loadedLibrary(name);
  try {
    const { width, height, data } = await DECODERS[name](frame, about, library);
    if (width !== about.columns || height !== about.rows) throw new RangeError(`${width} × ${height} pixels`);
    return widened(data, about);
  } catch (error) {
    throw new BadImage("is a DICOM file whose pixels cannot be decoded, damaged or cut short", { cause: error });
  }
}

/** Words of `bitsAllocated` bits, from those that the decoder gave. */
function widened(data, { rows, columns, bitsAllocated }) {
  if (data.length < rows * columns) throw new RangeError(`${data.length} words`);
  return new Uint8Array({ 8: Uint8Array, 16: Uint16Array, 32: Uint32Array }[bitsAllocated].from(data).buffer);
}

const libraries = {}; // that are loaded, by name

async function loadedLibrary(name) {
  try {
    return (libraries[name] ??= await LIBRARIES[name]?.());
  } catch (error) {
    throw new BadImage("needs a decoder that could not be loaded: is the page still served?", { cause: error });
  }
}

async function webAssembly(name) {
  const { default: library } = await import(`./vendor/${name}.js`);
  const locateFile = () => new URL(`./vendor/${name}.wasm`, import.meta.url).href;
  return library({ locateFile, print: () => {}, printErr: () => {} });
}

function jpegLossless(frame, _, { Decoder }) {
  const decoder = new Decoder();
  const data = decoder.decode(frame.buffer, frame.byteOffset, frame.length);
  const { dimX: width, dimY: height } = decoder.frame;
  return { width, height, data: data instanceof Uint8Array ? data : new Uint16Array(data.buffer) };
}

function byWebAssembly(Decoder, frame, { rows, columns }) {
  const { width, height } = sizeInHeader(frame);
  if (width !== columns || height !== rows) return { width, height };
  const decoder = new Decoder();
  try {
    decoder.getEncodedBuffer(frame.length).set(frame);
    decoder.decode();
    const bytes = decoder.getDecodedBuffer().slice();
    return { width, height, data: decoder.getFrameInfo().bitsPerSample > 8 ? new Uint16Array(bytes.buffer) : bytes };
  } finally {
    decoder.delete();
  }
}
