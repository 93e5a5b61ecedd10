/**
 * Reads images and runs the network in a worker, so the page stays responsive.
 *
 * In: `{id, file}`. Out: once `{kind: "ready", facts}` or `{kind: "broken", reason}`. Then for each file, with its
 * `id`, either `{kind: "failed", reason}`, or `{kind: "answer", image, probabilities, unfamiliar}`, then any number of
 * `{kind: "progress", share}`, then `{kind: "map", drops}`. A newer file ends the work on an older one.
 */

import { BadImage } from "./bad-image.js";
import { Network } from "./network.js";
import { logOddsDrops } from "./occlusion.js";
import { preview } from "./preview.js";
import { readImage } from "./read-image.js";
import { square } from "./square.js";
import { reasons } from "./unfamiliar.js";

const loading = Network.load(new URL("model.onnx", import.meta.url), new URL("model.json", import.meta.url));
loading.then(
  ({ facts }) => postMessage({ kind: "ready", facts }),
  (error) => postMessage({ kind: "broken", reason: error.message }),
);

let [newest, work] = [0, loading];

onmessage = ({ data: { id, file } }) => {
  newest = id;
  // One after another: a session runs one batch at a time.
  work = work.then(() => answer(id, file)).catch((error) => fail(id, error));
};

function fail(id, error) {
  postMessage({ kind: "failed", id, reason: reasonOf(error) });
}

async function answer(id, file) {
  if (id !== newest) return;
  const network = await loading;
  const { size, keep_aspect: keepAspect } = network.facts;
  const original = await readImage(file);
  const pixels = square(original, size, keepAspect);
  const { probabilities, distances } = await network.run([pixels]);
  const image = preview(original, keepAspect);
  const unfamiliar = reasons(original, original.header, distances[0]);
  postMessage({ kind: "answer", id, image, probabilities: probabilities[0], unfamiliar });
  await explain(id, network, pixels, probabilities[0]);
}

async function explain(id, network, pixels, probabilities) {
  const drops = await logOddsDrops(network, pixels, probabilities, async (share) => {
    postMessage({ kind: "progress", id, share });
    await new Promise((resolve) => setTimeout(resolve)); // lets the message of a newer file arrive
    return id === newest;
  });
  if (drops) postMessage({ kind: "map", id, drops });
}

function reasonOf(error) {
  if (error instanceof BadImage) return error.message;
  console.error(error);
  if (error instanceof RangeError) return "needs more memory than this device has, or is damaged";
  return `could not be read (${error.message})`;
}
