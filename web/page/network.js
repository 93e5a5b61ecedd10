import { factsOf } from "./facts.js";
import * as onnx from "./vendor/ort.wasm.bundle.min.mjs";

onnx.env.logLevel = "error";

/** The exported network, running in this browser. B images of H × H pixels, K labels. */
export class Network {
  /** @param {string | URL} address of the ONNX file @returns {Promise<Network>} @throws {Error} if it is not ours */
  static async load(address) {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    const model = new Uint8Array(await response.arrayBuffer());
    const facts = factsOf(model);
    return new Network(facts, await onnx.InferenceSession.create(model, { executionProviders: ["wasm"] }));
  }

  constructor(facts, session) {
    this.facts = facts;
    this.session = session;
  }

  /**
   * @param {Uint8Array[]} images B times (H, H)
   * @returns {Promise<{probabilities: Float32Array[], unfamiliar: Float32Array}>} B times (K,) calibrated; (B,)
   */
  async run(images) {
    const { size, labels } = this.facts;
    const pixels = new Uint8Array(images.length * size * size);
    images.forEach((image, n) => pixels.set(image, n * size * size));
    const shape = [images.length, size, size];
    const { probabilities, unfamiliar } = await this.session.run({ pixels: new onnx.Tensor("uint8", pixels, shape) });
    const row = (_, n) => probabilities.data.slice(n * labels.length, (n + 1) * labels.length);
    return { probabilities: images.map(row), unfamiliar: unfamiliar.data };
  }
}
