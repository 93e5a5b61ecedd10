/** The size in the header of JPEG-LS and JPEG 2000, so that a bomb is refused before it is decoded. */

const [JPEG_2000, SIZE, FRAME_LS] = [0xff4f, 0xff51, 0xfff7]; // markers

/**
 * @param {Uint8Array} bytes
 * @returns {{width: number, height: number}}
 * @throws {RangeError} if there is no such header
 */
export function sizeInHeader(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint16(0) === JPEG_2000) {
    if (view.getUint16(2) !== SIZE) throw new RangeError("a JPEG 2000 without its size");
    const [right, bottom, left, top] = [8, 12, 16, 20].map((at) => view.getUint32(at));
    return { width: right - left, height: bottom - top };
  }
  for (let at = 2; ; at += 2 + view.getUint16(at + 2)) {
    if (view.getUint16(at) === FRAME_LS) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
  }
}
