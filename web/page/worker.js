/**
 * Reads images and asks the network, beside the page, which so never freezes.
 *
 * In: `{id, file}`. Out: `{kind: "ready", facts}` or `{kind: "broken", reason}` once; then for each file, with its
 * `id`, either `{kind: "failed", reason}` or `{kind: "answer", film, probabilities, unfamiliar}`, any number of
 * `{kind: "progress", share}` and `{kind: "map", falls}`. A newer file ends the work on an older one.
 */

import { BadImage } from "./bad-image.js";
import { falls } from "./falls.js";
import { grey } from "./grey.js";
import { Network } from "./network.js";
import { preview } from "./preview.js";
import { square } from "./square.js";

const network = Network.load(new URL("model.onnx", import.meta.url));
network.then(
  ({ facts }) => postMessage({ kind: "ready", facts }),
  (error) => postMessage({ kind: "broken", reason: error.message }),
);

let [newest, work] = [0, network];

onmessage = ({ data: { id, file } }) => {
  newest = id;
  // One after another: a session takes one question at a time.
  work = work.then(() => answer(id, file)).catch((error) => fail(id, error));
};

function fail(id, error) {
  postMessage({ kind: "failed", id, reason: reasonOf(error) });
}

async function answer(id, file) {
  if (id !== newest) return;
  const asked = await network;
  const { size, keep_aspect: keepAspect } = asked.facts;
  const image = await grey(file);
  const pixels = square(image, size, keepAspect);
  const { probabilities, unfamiliar } = await asked.run([pixels]);
  const film = preview(image, keepAspect);
  postMessage({ kind: "answer", id, film, probabilities: probabilities[0], unfamiliar: unfamiliar[0] });
  await explain(id, asked, pixels, probabilities[0]);
}

async function explain(id, asked, pixels, probabilities) {
  const found = await falls(asked, pixels, probabilities, async (share) => {
    postMessage({ kind: "progress", id, share });
    await new Promise((resolve) => setTimeout(resolve)); // else no newer file would be heard of
    return id === newest;
  });
  if (found) postMessage({ kind: "map", id, falls: found });
}

function reasonOf(error) {
  if (error instanceof BadImage) return error.message;
  console.error(error);
  if (error instanceof RangeError) return "needs more memory than this device has, or is damaged";
  return `could not be read (${error.message})`;
}
