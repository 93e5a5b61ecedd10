/** RLE, the run lengths of DICOM (PS3.5, annex G). */

const HEADER = 64; // bytes: the number of segments, and the offset of each

/**
 * @param {Uint8Array} frame its segments, one for each byte of a word, that of the most significant bits first
 * @param {{rows: number, columns: number, bitsAllocated: number}} about
 * @returns {Uint8Array | Uint16Array | Uint32Array} the words
 * @throws {RangeError} if the frame is damaged or cut short
 */
export function fromRle(frame, { rows, columns, bitsAllocated }) {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const [size, count] = [rows * columns, bitsAllocated / 8];
  if (view.getUint32(0, true) !== count) throw new RangeError("another number of segments");
  const words = new { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[count](size);
  for (let segment = 0; segment < count; segment++) {
    const start = view.getUint32(4 + 4 * segment, true);
    if (start < HEADER) throw new RangeError("a segment in the header");
    const bytes = unpacked(frame.subarray(start), size);
    for (let n = 0; n < size; n++) words[n] = (words[n] << 8) | bytes[n];
  }
  return words;
}

/** The first `size` bytes of a segment of PackBits. */
function unpacked(packed, size) {
  const bytes = new Uint8Array(size);
  let [from, to] = [0, 0];
  while (to < size) {
    const length = packed[from++];
    if (length === undefined) throw new RangeError("a segment that is cut short");
    if (length < 128) {
      const literal = packed.subarray(from, from + length + 1).subarray(0, size - to);
      if (from + length + 1 > packed.length) throw new RangeError("a segment that is cut short");
      bytes.set(literal, to);
      [from, to] = [from + length + 1, to + length + 1];
    } else if (length > 128) {
      bytes.fill(packed[from++], to, to + 257 - length);
      to += 257 - length;
    }
  }
  return bytes;
}
