import * as onnx from "./vendor/ort.wasm.bundle.min.mjs";

onnx.env.logLevel = "error";

/** The exported network, running in this browser. B images of H × H pixels, K labels. */
export class Network {
  /**
   * @param {string | URL} model address of the ONNX file
   * @param {string | URL} facts address of its metadata as JSON, which onnxruntime-web does not read from the model
   * @returns {Promise<Network>}
   * @throws {Error} if one of them is missing or damaged
   */
  static async load(model, facts) {
    const responses = await Promise.all([fetched(model), fetched(facts)]);
    const bytes = new Uint8Array(await responses[0].arrayBuffer());
    const session = await onnx.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
    return new Network(await responses[1].json(), session);
  }

  constructor(facts, session) {
    this.facts = facts;
    this.session = session;
  }

  /**
   * @param {Uint8Array[]} images B times (H, H)
   * @returns {Promise<{probabilities: Float32Array[], distances: Float32Array}>} B times (K,), calibrated; (B,) from
   *   the training images, above 1 out of distribution
   */
  async run(images) {
    const { size, labels } = this.facts;
    const pixels = new Uint8Array(images.length * size * size);
    images.forEach((image, n) => pixels.set(image, n * size * size));
    const shape = [images.length, size, size];
    const outputs = await this.session.run({ pixels: new onnx.Tensor("uint8", pixels, shape) });
    const { probabilities, out_of_distribution: distances } = outputs;
    const row = (_, n) => probabilities.data.slice(n * labels.length, (n + 1) * labels.length);
    return { probabilities: images.map(row), distances: distances.data };
  }
}

async function fetched(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${response.statusText}`);
  return response;
}
