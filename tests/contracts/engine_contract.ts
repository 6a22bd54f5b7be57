import type { Engine, NetworkState, Session, SessionOptions } from "../../lib/compute/engine.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { createRandom } from "../../lib/base/random.ts";
import { buildNetwork } from "../../models/build_network.ts";
import type { Network } from "../../models/network.ts";
import { assert, assertCloseToLargest, assertEquals, assertFailsWith } from "../support/assert.ts";
import { testWithShared } from "../support/shared.ts";
import { assertAdamStep, gradientScale, largestOf } from "./adam_allowance.ts";
import { GOLDEN_NAMES, readGolden } from "./golden_networks.ts";
import type { GoldenNetwork } from "./golden_networks.ts";

export interface EngineContractOptions {
  /** Relative to the largest entry of each tensor: 1e-5 for float64 arithmetic, 2e-4 for float32. */
  tolerance: number;
  /** The same calls give the same bits, also after `state()` and `resume`. */
  exact: boolean;
  /** Golden files to run; all five unless the engine is too slow for that. */
  goldens?: readonly string[];
  /** Why nothing can run here. */
  skip?: string;
}

const LOSS_TOLERANCE = 1e-4;
const SMALL = { direction: "im2spec", window: 6, points: 10, latent: 2, filters: 5 } as const;
const ROBUST = { ...SMALL, recipe: "robust" } as const;
const SMALL_BACK = { direction: "spec2im", window: 8, points: 7, latent: 3, filters: 3 } as const;
const ROBUST_BACK = { ...SMALL_BACK, recipe: "robust" } as const;

/** The one suite that every engine passes: PyTorch's figures, then what a session promises. */
export function engineContract(name: string, makeEngine: () => Promise<Engine>, options: EngineContractOptions): void {
  const { tolerance, exact, skip, goldens = GOLDEN_NAMES } = options;
  const opened = async (run: (engine: Engine) => Promise<void>) => {
    const engine = await makeEngine();
    try {
      await run(engine);
    } finally {
      await engine.close();
    }
  };
  const test = (title: string, run: (engine: Engine) => Promise<void>) => {
    const reason = skip ? ` (skipped: ${skip})` : "";
    Deno.test({ name: `${name}: ${title}${reason}`, ignore: skip !== undefined, fn: () => opened(run) });
  };

  for (const golden of skip ? [] : goldens) {
    testWithShared(
      `${name}: PyTorch's figures, ${golden}`,
      (shared, context) => opened((engine) => checkGolden(engine, readGolden(shared, golden), tolerance, context)),
    );
  }

  for (const options of [SMALL, SMALL_BACK, ROBUST, ROBUST_BACK]) {
    const network = buildNetwork(options);
    const direction = [options.direction, network.options.recipe].filter(Boolean).join(", ");

    test(`${direction}: gradients equal the reference's, for one sample and several`, async (engine) => {
      const state = initialState(network, 1);
      for (const count of [1, 2, 5]) {
        const { input, target } = pairs(network, count, count);
        const session = await engine.open(network, state, { trainBatch: 5 });
        const oracle = await openReferenceEngine().open(network, state, { trainBatch: 5 });
        const met = await session.gradients(input, target);
        const wanted = await oracle.gradients(input, target);
        assertCloseToLargest([met.loss], [wanted.loss], LOSS_TOLERANCE, "loss");
        assertCloseToLargest(met.output_NO, wanted.output_NO, tolerance, "output");
        assertGradients(met.gradients, wanted.gradients, tolerance);
        await session.close();
      }
    });

    test(`${direction}: each training step is Adam along the gradient there`, async (engine) => {
      const { input, target } = pairs(network, 4, 2);
      const learningRate = 3e-3;
      const session = await engine.open(network, initialState(network, 2), { trainBatch: 4, learningRate });
      await session.setTrainingSet(input, target);
      for (let step = 0; step < 3; step++) {
        const before = await session.state();
        assertEquals(before.step, step);
        const { gradients, loss } = await session.gradients(input, target);
        const [met] = await session.trainSteps([Int32Array.of(0, 1, 2, 3)]);
        assertCloseToLargest([met], [loss], LOSS_TOLERANCE, "loss");
        assertAdamStep((await session.state()).network, before, gradients, { learningRate, relative: tolerance });
      }
      await session.close();
    });

    test(`${direction}: any number of samples is predicted, each as if alone`, async (engine) => {
      const session = await engine.open(network, livelyState(network, 3));
      const { input } = pairs(network, 70, 3);
      const floats = input.length / 70;
      const all = await session.predict(input);
      const perSample = all.output_NO.length / 70;
      for (const [from, count] of [[0, 1], [3, 7], [37, 33], [0, 0]]) {
        const some = await session.predict(input.slice(from * floats, (from + count) * floats));
        const wanted = all.output_NO.subarray(from * perSample, (from + count) * perSample);
        assertCloseToLargest(some.output_NO, wanted, tolerance, `output of ${count} from ${from}`);
      }
      await session.close();
    });

    test(`${direction}: predict is the reference's, and encode then decode`, async (engine) => {
      const state = livelyState(network, 4);
      const session = await engine.open(network, state);
      const { input } = pairs(network, 9, 4);
      const wanted = await (await openReferenceEngine().open(network, state)).predict(input);
      const met = await session.predict(input);
      assertCloseToLargest(met.latent_NL, wanted.latent_NL, tolerance, "latent");
      assertCloseToLargest(met.output_NO, wanted.output_NO, tolerance, "output");
      const latent_NL = await session.encode(input);
      assertCloseToLargest(latent_NL, wanted.latent_NL, tolerance, "encode");
      assertCloseToLargest(await session.decode(latent_NL), wanted.output_NO, tolerance, "decode");
      await session.close();
    });

    test(`${direction}: mini-batches by index, the last one short`, async (engine) => {
      const { input, target } = pairs(network, 7, 5);
      const batches = [Int32Array.of(6, 0, 3), Int32Array.of(1, 2, 2), Int32Array.of(5)];
      const run = async (on: Engine) => {
        const session = await on.open(network, initialState(network, 5), { trainBatch: 3, learningRate: 1e-4 });
        await session.setTrainingSet(input, target);
        const losses = await session.trainSteps(batches);
        const { network: state, step } = await session.state();
        await session.close();
        return { losses, state, step };
      };
      const [met, wanted] = [await run(engine), await run(openReferenceEngine())];
      assertEquals(met.step, 3);
      for (let i = 0; i < 3; i++) assertCloseToLargest([met.losses[i]], [wanted.losses[i]], 1e-3, `loss ${i}`);
      for (const { name: key, kind } of network.parameters.filter(({ kind }) => kind.startsWith("running"))) {
        assertCloseToLargest(met.state.get(key)!.data, wanted.state.get(key)!.data, 1e-3, `${kind} ${key}`);
      }
    });
  }

  test("a whole image is its patches, one by one", async (engine) => {
    const sizes = [[6, 6, 6], [6, 6, 15], [6, 9, 7], [6, 20, 17], [2, 5, 4], [4, 7, 13], [10, 13, 24], [8, 16, 16]];
    const cases = [...sizes.map((size) => [SMALL, ...size] as const), [ROBUST, 6, 9, 7], [ROBUST, 8, 16, 19]] as const;
    for (const [options, window, rows, cols] of cases) {
      const network = buildNetwork({ ...options, window, filters: 4 });
      const session = await engine.open(network, livelyState(network, 6));
      const image_HW = normals(rows * cols, 6);
      const met = await session.predictImage(image_HW, rows, cols);
      assertEquals([met.rows, met.cols], [rows - window + 1, cols - window + 1]);
      const wanted = await session.predict(allPatches(image_HW, cols, met, window));
      assertCloseToLargest(met.latent_HWL, wanted.latent_NL, 1e-5, `latent, window ${window}, ${rows} x ${cols}`);
      assertCloseToLargest(met.output_HWS, wanted.output_NO, 1e-5, `output, window ${window}, ${rows} x ${cols}`);
      const latents = await session.predictImage(image_HW, rows, cols, "latent");
      assertEquals(latents.output_HWS.length, 0);
      assertCloseToLargest(latents.latent_HWL, wanted.latent_NL, 1e-5, "latent only");
      await session.close();
    }
  });

  test("weight decay, cosine and input noise are the reference's, each with an effect", async (engine) => {
    const plain = { trainBatch: 3, learningRate: 5e-3 };
    const noise = { deviation: 0.5, seed: 3 };
    const each = [{}, { weightDecay: 10 }, { cosineSteps: 4 }, { inputNoise: noise }, {
      inputNoise: { ...noise, seed: 4 },
    }];
    const together = { weightDecay: 10, cosineSteps: 4, inputNoise: noise };
    for (const options of [SMALL_BACK, ROBUST]) {
      const network = buildNetwork(options);
      const { input, target } = pairs(network, 7, 15);
      const run = async (on: Engine, more: Partial<SessionOptions>) => {
        const session = await on.open(network, initialState(network, 15), { ...plain, ...more });
        await session.setTrainingSet(input, target);
        const losses = await session.trainSteps(
          [[6, 0, 3], [1, 2, 2], [5, 4], [0, 1, 2]].map((b) => Int32Array.from(b)),
        );
        await session.close();
        return losses;
      };
      const last: number[] = [];
      for (const more of [...each, together]) {
        const [met, wanted] = [await run(engine, more), await run(openReferenceEngine(), more)];
        const title = `${options.direction}, ${JSON.stringify(more)}`;
        for (let i = 0; i < 4; i++) assertCloseToLargest([met[i]], [wanted[i]], 2e-3, `loss ${i} with ${title}`);
        last.push(met[3]);
      }
      const differences = last.flatMap((a, i) => last.slice(0, i).map((b) => Math.abs(a - b) / b));
      assert(Math.min(...differences) > 4e-3, `losses ${last.join(", ")}`);
    }
  });

  test("training goes on from a state as if never stopped", async (engine) => {
    const network = buildNetwork(SMALL);
    const { input, target } = pairs(network, 6, 7);
    const [one, two] = [[Int32Array.of(0, 1, 2), Int32Array.of(3, 4)], [
      Int32Array.of(5, 0, 4),
      Int32Array.of(2, 1, 3),
    ]];
    const through = await engine.open(network, initialState(network, 7), { trainBatch: 3 });
    await through.setTrainingSet(input, target);
    await through.trainSteps(one);
    const checkpoint = await through.state();
    const resumed = await engine.open(network, checkpoint.network, { trainBatch: 3, resume: checkpoint });
    await resumed.setTrainingSet(input, target);
    const losses = [await through.trainSteps(two), await resumed.trainSteps(two)];
    assertSame(losses[1], losses[0], exact, "losses");
    assertSameState((await resumed.state()).network, (await through.state()).network, exact);
    assertEquals((await resumed.state()).step, 4);
    await through.close();
    await resumed.close();
  });

  test("two sessions take turns without touching each other", async (engine) => {
    const networks = [buildNetwork(SMALL), buildNetwork(SMALL_BACK)];
    const start = async (network: Network) => {
      const session = await engine.open(network, initialState(network, 8), { trainBatch: 4 });
      const { input, target } = pairs(network, 4, 8);
      await session.setTrainingSet(input, target);
      return { session, input };
    };
    const run = ({ session, input }: { session: Session; input: Float32Array }) => [
      () => session.trainSteps([Int32Array.of(0, 1, 2)]),
      () => session.predict(input).then(({ output_NO }) => output_NO),
      () => session.trainSteps([Int32Array.of(3, 1)]),
    ];
    const alone: ArrayLike<number>[][] = [];
    for (const network of networks) {
      const started = await start(network);
      const results: ArrayLike<number>[] = [];
      for (const call of run(started)) results.push(await call());
      alone.push(results);
      await started.session.close();
    }
    const together = [await start(networks[0]), await start(networks[1])];
    const calls = together.map(run);
    const results = await Promise.all([0, 1, 2].flatMap((i) => [calls[0][i](), calls[1][i]()]));
    results.forEach((result, i) => assertSame(result, alone[i % 2][i >> 1], exact, `call ${i}`));
    for (const { session } of together) await session.close();
  });

  test("a NaN in the training set gives a loss that is no number, and no hang", async (engine) => {
    const network = buildNetwork(SMALL);
    const { input, target } = pairs(network, 3, 9);
    input[5] = NaN;
    const session = await engine.open(network, initialState(network, 9), { trainBatch: 3 });
    await session.setTrainingSet(input, target);
    const losses = await session.trainSteps([Int32Array.of(1, 2), Int32Array.of(0, 1, 2), Int32Array.of(1, 2)]);
    assertEquals([...losses].map(Number.isFinite), [true, false, false]);
    await session.close();
  });

  test("wrong inputs are refused and change nothing", async (engine) => {
    const network = buildNetwork(SMALL);
    const state = initialState(network, 10);
    const { input, target } = pairs(network, 4, 10);
    const session = await engine.open(network, state, { trainBatch: 2 });
    await assertFailsWith("no_training_set", () => session.trainSteps([Int32Array.of(0)]));
    await session.setTrainingSet(input, target);
    await assertFailsWith("sample_size", () => session.predict(input.slice(1)));
    await assertFailsWith("sample_size", () => session.encode(input.slice(1)));
    await assertFailsWith("sample_size", () => session.decode(new Float32Array(3)));
    await assertFailsWith("sample_count", () => session.setTrainingSet(input.slice(36), target));
    await assertFailsWith("sample_count", () => session.gradients(new Float32Array(), new Float32Array()));
    await assertFailsWith("batch_size", () => session.trainSteps([Int32Array.of(0, 1, 2)]));
    await assertFailsWith("batch_size", () => session.trainSteps([Int32Array.of()]));
    await assertFailsWith("batch_index", () => session.trainSteps([Int32Array.of(0, 4)]));
    await assertFailsWith("batch_index", () => session.trainSteps([Int32Array.of(0), Int32Array.of(-1)]));
    await assertFailsWith("image_too_small", () => session.predictImage(new Float32Array(25), 5, 5));
    await assertFailsWith("sample_size", () => session.predictImage(new Float32Array(25), 6, 6));
    assertEquals((await session.state()).step, 0);
    assertSameState((await session.state()).network, state, true);
    await session.close();
    const lacking = new Map([...state].slice(1));
    await assertFailsWith("state_mismatch", () => engine.open(network, lacking));
    const back = await engine.open(buildNetwork(SMALL_BACK), initialState(buildNetwork(SMALL_BACK), 1));
    await assertFailsWith("image_direction", () => back.predictImage(new Float32Array(64), 8, 8));
    await back.close();
  });
}

async function checkGolden(engine: Engine, golden: GoldenNetwork, tolerance: number, context: Deno.TestContext) {
  const { network, count, init, x, y } = golden;
  const session = await engine.open(network, init, { trainBatch: count, learningRate: 1e-3 });
  await context.step("latent and output in evaluation mode", async () => {
    const { latent_NL, output_NO } = await session.predict(x);
    assertCloseToLargest(latent_NL, golden.latent, tolerance, "latent");
    assertCloseToLargest(output_NO, golden.out, tolerance, "out");
  });
  await context.step("loss, output and gradients in training mode", async () => {
    const { loss, output_NO, gradients } = await session.gradients(x, y);
    assertCloseToLargest([loss], [golden.loss], LOSS_TOLERANCE, "loss");
    assertCloseToLargest(output_NO, golden.trainOut, tolerance, "train.out");
    assertGradients(gradients, golden.grad, tolerance);
  });
  await session.setTrainingSet(x, y);
  const batch = Int32Array.from({ length: count }, (_, i) => i);
  await context.step("parameters and running statistics after one Adam step", async () => {
    const [loss] = await session.trainSteps([batch]);
    assertCloseToLargest([loss], [golden.loss], LOSS_TOLERANCE, "loss");
    const { network: met } = await session.state();
    assertAdamStep(met, { network: init, step: 0 }, golden.grad, { learningRate: 1e-3, relative: tolerance });
    assertAdamStep(golden.step1, { network: init, step: 0 }, golden.grad, { learningRate: 1e-3, relative: 1e-6 });
    for (const [name, { data }] of golden.step1) {
      if (name.includes("running_")) assertCloseToLargest(met.get(name)!.data, data, tolerance, name);
    }
  });
  await context.step("and after five", async () => {
    const losses = await session.trainSteps([batch, batch, batch, batch]);
    assertCloseToLargest([losses[3]], [golden.loss5], LOSS_TOLERANCE + golden.spread.loss, "loss before step 5");
    const { network: met } = await session.state();
    for (const [name, { data }] of golden.step5) {
      assertCloseToLargest(met.get(name)!.data, data, tolerance + golden.spread.parameters, name);
    }
  });
  await session.close();
}

function assertGradients(met: NetworkState, wanted: NetworkState, tolerance: number): void {
  assertEquals([...met.keys()], [...wanted.keys()]);
  for (const [name, { data, shape }] of wanted) {
    assertEquals(met.get(name)!.shape, shape);
    const relative = tolerance * gradientScale(wanted, name) / Math.max(largestOf(data), 1e-30);
    assertCloseToLargest(met.get(name)!.data, data, relative, `gradient of ${name}`);
  }
}

function assertSame(met: ArrayLike<number>, wanted: ArrayLike<number>, exact: boolean, what: string): void {
  if (exact) assertEquals(met, wanted, what);
  else assertCloseToLargest(met, wanted, 1e-4, what);
}

function assertSameState(met: NetworkState, wanted: NetworkState, exact: boolean): void {
  assertEquals([...met.keys()], [...wanted.keys()]);
  for (const [name, { data }] of wanted) assertSame(met.get(name)!.data, data, exact, name);
}

function normals(length: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length }, () => random.normal());
}

function pairs(network: Network, count: number, seed: number): { input: Float32Array; target: Float32Array } {
  const floats = (shape: readonly number[]) => shape.reduce((a, b) => a * b);
  return {
    input: normals(count * floats(network.inputShape), seed),
    target: normals(count * floats(network.outputShape), seed + 1000),
  };
}

/** An initial state whose batch norms are off their trivial start. */
function livelyState(network: Network, seed: number): NetworkState {
  const random = createRandom(seed + 2000);
  const state = initialState(network, seed);
  for (const { name, kind } of network.parameters) {
    const { data } = state.get(name)!;
    if (kind === "gamma" || kind === "runningVar") data.forEach((_, i) => data[i] = 0.5 + random.uniform());
    if (kind === "beta" || kind === "runningMean") data.forEach((_, i) => data[i] = 0.4 * random.uniform() - 0.2);
  }
  return state;
}

/** Every patch of an image, cut naively: the contract's own oracle for `predictImage`. */
function allPatches(image: Float32Array, cols: number, grid: { rows: number; cols: number }, window: number) {
  const patches: number[] = [];
  for (let i = 0; i < grid.rows; i++) {
    for (let j = 0; j < grid.cols; j++) {
      for (let k = 0; k < window * window; k++) {
        patches.push(image[(i + Math.floor(k / window)) * cols + j + k % window]);
      }
    }
  }
  return Float32Array.from(patches);
}
