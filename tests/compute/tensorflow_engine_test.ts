import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { missingTensorflow } from "../../lib/compute/tensorflow/load_tensorflow.ts";
import { tensorflowEngine } from "../../lib/compute/tensorflow/tensorflow_engine.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { engineContract } from "../contracts/engine_contract.ts";
import { assert, assertEquals } from "../support/assert.ts";

await tf.setBackend("cpu");

/** tfjs's own backend in plain JavaScript: slow, so the smallest network of PyTorch's figures. */
engineContract("tensorflow on tfjs cpu", () => Promise.resolve(tensorflowEngine(tf)), {
  tolerance: 2e-4,
  exact: true,
  goldens: ["im2spec_w12_s50_l3_f8"],
});

Deno.test("training and predicting leave no tensors behind", async () => {
  const network = buildNetwork({ direction: "spec2im", window: 4, points: 5, latent: 2, filters: 3 });
  const before = tf.memory().numTensors;
  const session = await tensorflowEngine(tf).open(network, initialState(network, 1), { trainBatch: 2 });
  await session.setTrainingSet(new Float32Array(15).fill(1), new Float32Array(48));
  await session.trainSteps([Int32Array.of(0, 1)]);
  const after = tf.memory().numTensors;
  for (let i = 0; i < 3; i++) await session.trainSteps([Int32Array.of(1, 2), Int32Array.of(0)]);
  await session.predict(new Float32Array(10));
  await session.gradients(new Float32Array(10), new Float32Array(32));
  assertEquals(tf.memory().numTensors, after);
  await session.close();
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("where the native library is absent, the reason says how to install it", async () => {
  const root = new URL(`file://${await Deno.makeTempDir()}/`);
  const install = /deno install .*--allow-scripts=npm:@tensorflow\/tfjs-node-gpu/;
  assert.match(missingTensorflow(root)!, /is not installed/);
  assert.match(missingTensorflow(root)!, install);
  const lib = new URL("node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8/", root);
  await Deno.mkdir(lib, { recursive: true });
  assert.match(missingTensorflow(root)!, /without its native library/);
  await Deno.writeTextFile(new URL("tfjs_binding.node", lib), "");
  assertEquals(missingTensorflow(root), undefined);
  await Deno.remove(root, { recursive: true });
});
