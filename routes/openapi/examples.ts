/**
 * Requests that the OpenAPI document shows and the tests run, on the shipped model `simulated-film-im2spec`: an 8 x 8
 * patch across a domain wall, from -1 on the left to 1 on the right.
 */
const MODEL = "simulated-film-im2spec";
const PATCH = Array.from(
  { length: 8 },
  () => Array.from({ length: 8 }, (_, col) => Math.round((col / 3.5 - 1) * 100) / 100),
);

export const PREDICT_EXAMPLE = { model: MODEL, inputs: PATCH };
export const ENCODE_EXAMPLE = { inputs: PATCH };
export const DECODE_EXAMPLE = { latents: [[0, 0], [1, -1]] };
export const INFER_EXAMPLE = {
  id: "42",
  inputs: [{ name: "x", shape: [1, 8, 8], datatype: "FP32", data: PATCH.flat() }],
  outputs: [{ name: "y" }],
};
export const TRAIN_EXAMPLE = {
  kind: "train",
  direction: "im2spec",
  cube: "cube_01hv0000000000000000000000",
  window: 8,
  latent: 2,
  epochs: 60,
  saveAs: "my-film",
};
