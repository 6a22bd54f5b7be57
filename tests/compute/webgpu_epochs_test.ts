import type { Session, Snapshot } from "../../lib/compute/engine.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import { openWebgpuEngine, type WebgpuEngine } from "../../lib/compute/webgpu/webgpu_engine.ts";
import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import type { LoopscopeError } from "../../lib/base/errors.ts";
import { createRandom } from "../../lib/base/random.ts";
import { epochBatches } from "../../lib/training/epoch_batches.ts";
import { sessionLoss } from "../../lib/training/session_loss.ts";
import { trainModel } from "../../lib/training/train.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { run, tinyInput } from "../training/tiny_training.ts";
import { assert, assertCloseToLargest, assertEquals } from "../support/assert.ts";
import { whyNoWebgpu } from "./webgpu_usable.ts";

const skip = await whyNoWebgpu();

/** Each test with a device of its own. */
function test(name: string, run: (engine: WebgpuEngine, device: GPUDevice) => Promise<void>): void {
  Deno.test({
    name: `webgpu: ${name}${skip ? ` (skipped: ${skip})` : ""}`,
    ignore: skip !== undefined,
    fn: async () => {
      const devices: GPUDevice[] = [];
      const requestDevice = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...args) {
        devices.push(await requestDevice.apply(this, args));
        return devices.at(-1)!;
      };
      const engine = await openWebgpuEngine({ timeoutMs: 60_000 }).finally(() => {
        GPUAdapter.prototype.requestDevice = requestDevice;
      });
      try {
        await run(engine, devices[0]);
      } finally {
        await engine.close();
      }
    },
  });
}

const SAMPLES = 41, BATCH = 4;
const network = buildNetwork({ direction: "im2spec", window: 6, points: 10, latent: 2, filters: 3 });
const pause = () => Promise.resolve();

function pairs(count: number, seed: number) {
  const random = createRandom(seed);
  const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
  return { input_NI: normals(count * 36), target_NO: normals(count * 10) };
}

async function trainingSession(engine: WebgpuEngine): Promise<Session> {
  const session = await engine.open(network, initialState(network, 3), { trainBatch: BATCH });
  const { input_NI, target_NO } = pairs(SAMPLES, 1);
  await session.setTrainingSet(input_NI, target_NO);
  return session;
}

test("epochs that are queued ahead equal steps that are waited for, and so do their losses and states", async (engine) => {
  const weighted = pairs(300, 2);
  const sets = [pairs(7, 4), { ...weighted, weight_NO: weighted.target_NO.map((_, i) => i % 3) }];
  const queued = await trainingSession(engine);
  await queued.epochs!.setEvaluationSets(sets);
  const stepped = await trainingSession(engine);
  const order = [1, 2, 3, 4].map((epoch) => epochBatches(SAMPLES, BATCH, 5, epoch));
  const results = await Promise.all(order.map((batches) => queued.epochs!.run(batches, pause)));
  for (const [e, batches] of order.entries()) {
    const { losses, snapshot } = results[e];
    assertEquals(losses.steps, await stepped.trainSteps(batches), `losses of epoch ${e + 1}`);
    for (const [s, set] of sets.entries()) {
      assertCloseToLargest([losses.evaluations[s]], [await sessionLoss(stepped, set, pause)], 1e-5, `set ${s}`);
    }
    assertEquals(await snapshot.read(), await stepped.state(), `state after epoch ${e + 1}`);
  }
  assertEquals(await queued.state(), await stepped.state());
  await queued.close();
  await stepped.close();
});

test("a snapshot keeps its state until it is released, and its room is used again", async (engine, device) => {
  const session = await trainingSession(engine);
  let buffers = 0;
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    if (descriptor.label === "snapshot") buffers++;
    return createBuffer(descriptor);
  };
  await session.epochs!.setEvaluationSets([]);
  const batches = epochBatches(SAMPLES, BATCH, 5, 1);
  const first = (await session.epochs!.run(batches, pause)).snapshot;
  const wanted = await first.read();
  const others: Snapshot[] = [];
  for (let k = 0; k < 4; k++) {
    others.push((await session.epochs!.run(batches, pause)).snapshot);
    others.at(-1)!.release();
  }
  assertEquals(await first.read(), wanted);
  assertEquals(wanted.step, batches.length);
  assertEquals(buffers, 2 * 3, "two snapshots of parameters and two moments");
  await session.close();
});

test("an epoch is read back once", async (engine) => {
  const session = await trainingSession(engine);
  await session.epochs!.setEvaluationSets([pairs(300, 2), pairs(20, 3)]);
  const batches = epochBatches(SAMPLES, BATCH, 5, 1);
  await session.epochs!.run(batches, pause);
  const before = { ...engine.work };
  await session.epochs!.run(batches, pause);
  assertEquals(engine.work.readBacks - before.readBacks, 1);
  const submissions = engine.work.submissions - before.submissions;
  // At most one a step and evaluation chunk, the copy of the state and the read-back; fewer once steps are known to be quick.
  assert.ok(submissions <= batches.length + 3 + 2, `${submissions} submissions for ${batches.length} steps`);
  await session.close();
});

test("a training has the losses of the reference, and its checkpoint goes on elsewhere", async (engine) => {
  const change = { epochs: 3, learningRate: 1e-4 };
  const [met, wanted] = [await run(tinyInput(change, { engine })), await run(tinyInput(change))];
  const history = (of: typeof met) => of.trained.manifest.training!.history;
  assertCloseToLargest(history(met).trainLoss, history(wanted).trainLoss, 1e-3, "training losses");
  assertCloseToLargest(history(met).testLoss, history(wanted).testLoss, 1e-3, "test losses");
  const { mse } = met.trained.manifest.scores!.test;
  assertCloseToLargest([mse!], [wanted.trained.manifest.scores!.test.mse!], 1e-3, "held-out error");
});

test(
  "a device that is lost in the middle fails the training, which goes on with another engine",
  async (engine, device) => {
    const input = tinyInput({ epochs: 6 }, { engine, checkpointEveryMs: 0 });
    let checkpoint: Uint8Array | undefined;
    const training = async () => {
      for await (const event of trainModel(input)) {
        if (event.kind === "checkpoint") checkpoint = event.bytes;
        if (event.kind === "epoch" && event.epoch === 3) device.destroy();
      }
    };
    // Which of the two depends on whether the loss or a refused submission is noticed first.
    await assert.rejects(training, ({ code }: LoopscopeError) => ["gpu_lost", "gpu_failed"].includes(code));
    const { events, trained } = await run(tinyInput({ epochs: 6 }, { checkpoint, engine: openReferenceEngine() }));
    const epochs = events.flatMap((event) => event.kind === "epoch" ? [event.epoch] : []);
    assertEquals(epochs, [3, 4, 5, 6], "epoch 3 had no checkpoint yet");
    assertEquals(trained.manifest.training!.history.trainLoss.length, 6);
  },
);

test("a map of many batches comes back in few reads", async (engine) => {
  const [rows, cols] = [70, 71];
  const small = buildNetwork({ direction: "im2spec", window: 4, points: 3, latent: 1, filters: 2 });
  const session = await engine.open(small, initialState(small, 1));
  const image_HW = Float32Array.from({ length: rows * cols }, (_, i) => Math.sin(i * i));
  const before = engine.work.readBacks;
  const { output_HWS } = await session.predictImage(image_HW, rows, cols);
  const reads = engine.work.readBacks - before;
  assert(reads <= 2, `${reads} reads`); // of 18 batches of 256 patches
  const oracle = await openReferenceEngine().open(small, initialState(small, 1));
  const wanted = await oracle.predictImage(image_HW, rows, cols);
  assertCloseToLargest(output_HWS, wanted.output_HWS, 1e-4, "output");
});
