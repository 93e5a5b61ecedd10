/**
 * Functions of the page, called without a browser: on standard input a JSON list of [module, function, ...arguments],
 * on standard output the list of what they return, {"error": text} for what throws. {"bytes": base64} is a Uint8Array.
 */

import { text } from "node:stream/consumers";

const decoded = (_, value) => (value?.bytes === undefined ? value : new Uint8Array(Buffer.from(value.bytes, "base64")));

function encoded(_, value) {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("base64") };
  return ArrayBuffer.isView(value) ? [...value] : value;
}

const calls = JSON.parse(await text(process.stdin), decoded);
const answers = [];
for (const [module, name, ...rest] of calls) {
  const { [name]: call } = await import(`../../web/page/${module}.js`);
  try {
    answers.push(await call(...rest));
  } catch (error) {
    answers.push({ error: error.message });
  }
}
process.stdout.write(JSON.stringify(answers, encoded));
