/**
 * What an exported network says of itself: the metadata of an ONNX file, which onnxruntime-web does not hand out. An
 * ONNX file is one protobuf message; its pairs of key and value, each JSON here, are the fields 14.
 */

const PAIRS = 14;
const BYTES = 2; // protobuf's wire type of what has a length
const NEEDED = {
  labels: Array.isArray,
  size: Number.isInteger,
  keep_aspect: (value) => typeof value === "boolean",
  mean: Number.isFinite,
  threshold: (value) => typeof value === "object" && value !== null,
  notice: (value) => typeof value === "string",
};

/**
 * @param {Uint8Array} model an ONNX file
 * @returns {object} by key; `NEEDED` says what is there at least
 * @throws {Error} if this is no network that Rayling exported
 */
export function factsOf(model) {
  const facts = Object.fromEntries(pairs(model));
  const missing = Object.keys(NEEDED).filter((key) => !NEEDED[key](facts[key]));
  if (missing.length) throw new Error(`it is no network of Rayling's: no ${missing.join(", ")} in its metadata`);
  const unknown = facts.labels.filter((label) => !Number.isFinite(facts.threshold[label]));
  if (unknown.length) throw new Error(`it has no threshold for ${unknown.join(", ")}`);
  return facts;
}

function pairs(model) {
  try {
    return fields(model).filter(({ field }) => field === PAIRS).map(({ content }) => pair(content));
  } catch (error) {
    throw new Error("it is no whole ONNX file", { cause: error });
  }
}

function pair(content) {
  const [key, value] = fields(content).map((field) => new TextDecoder().decode(field.content));
  return [key, JSON.parse(value)];
}

/** The fields of a message that have a length, in the file's order. Throws RangeError if it ends too early. */
function fields(bytes) {
  const [found, reader] = [[], { bytes, at: 0 }];
  while (reader.at < bytes.length) {
    const tag = varint(reader);
    const [field, length] = [Math.floor(tag / 8), lengthOf(tag % 8, reader)];
    if (tag % 8 === BYTES) found.push({ field, content: bytes.subarray(reader.at, reader.at + length) });
    reader.at += length;
    if (reader.at > bytes.length) throw new RangeError("cut short");
  }
  return found;
}

/** Bytes of the value that comes next, by its wire type; a varint is read at once and leaves none. */
function lengthOf(type, reader) {
  if (type === BYTES) return varint(reader);
  if (type === 0) varint(reader);
  else if (type === 1) return 8;
  else if (type === 5) return 4;
  else throw new RangeError(`wire type ${type}`);
  return 0;
}

/** Seven bits a byte, the least first; multiplied, for shifts would stop at 32 bits. */
function varint(reader) {
  for (let value = 0, factor = 1; reader.at < reader.bytes.length; factor *= 128) {
    const byte = reader.bytes[reader.at++];
    value += (byte % 128) * factor;
    if (byte < 128) return value;
  }
  throw new RangeError("cut short");
}
