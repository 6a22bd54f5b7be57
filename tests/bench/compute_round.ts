/**
 * One round of our compute cases in a process of its own: ENGINE SECONDS WINDOW... [--threads N]; prints one JSON line a
 * network. Not a test: `deno task bench` starts it.
 */
import { parseArgs } from "node:util";
import { createRandom } from "../../lib/base/random.ts";
import { sizeOf } from "../../lib/base/nd_array.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import type { Engine } from "../../lib/compute/engine.ts";
import type { Direction } from "../../models/network.ts";
import { benchNetwork, DIRECTIONS, MAP_SIDE, MINI_BATCH } from "./compute_family.ts";
import type { Round } from "./family.ts";
import { openBenchEngine } from "./open_engine.ts";
import { median } from "./statistics.ts";

const TRAINING_SET = 512;
/** Steps that are queued before the first is waited for, as the peer does on a GPU. */
const QUEUED = 64;
/** Calls before the clock starts: the runtime compiles kernels again, better, once they have run for a while. */
const WARM_UP_MS = 400;

async function timed(step: () => Promise<unknown>, seconds: number): Promise<number> {
  const warm = performance.now() + WARM_UP_MS;
  for (let i = 0; i < 3 || performance.now() < warm; i++) await step();
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end || times.length < 3) {
    const start = performance.now();
    await step();
    times.push(performance.now() - start);
  }
  return median(times);
}

function normals(length: number): Float32Array {
  const random = createRandom(1);
  return Float32Array.from({ length }, () => random.normal());
}

async function round(engine: Engine, direction: Direction, window: number, seconds: number): Promise<Round> {
  const network = benchNetwork(direction, window);
  const session = await engine.open(network, initialState(network, 1), { trainBatch: MINI_BATCH, learningRate: 1e-3 });
  const inputFloats = sizeOf(network.inputShape);
  await session.setTrainingSet(
    normals(TRAINING_SET * inputFloats),
    normals(TRAINING_SET * sizeOf(network.outputShape)),
  );
  let step = 0;
  const batch = () => Int32Array.from({ length: MINI_BATCH }, (_, i) => (i * 7 + step * MINI_BATCH) % TRAINING_SET);
  const steps = (count: number) => Array.from({ length: count }, () => (step++, batch()));
  const train = await timed(() => session.trainSteps(steps(1)), seconds);
  const queued = engine.name === "webgpu" && await timed(() => session.trainSteps(steps(QUEUED)), seconds) / QUEUED;
  const patches = (MAP_SIDE - window + 1) ** 2;
  const image_HW = normals(MAP_SIDE * MAP_SIDE), inputs = normals(patches * inputFloats);
  const map = direction === "im2spec"
    ? () => session.predictImage(image_HW, MAP_SIDE, MAP_SIDE)
    : () => session.predict(inputs);
  const whole = await timed(map, seconds);
  const one = inputs.slice(0, inputFloats);
  const single = await timed(() => session.predict(one), seconds / 2);
  await session.close();
  const name = `${direction} ${window}`;
  const training = queued === false ? { [`train ${name}`]: train } : {
    [`train ${name}`]: queued,
    [`wait ${name}`]: train,
  };
  return { ...training, [`map ${name}`]: whole, [`one ${name}`]: single };
}

if (import.meta.main) {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { threads: { type: "string" } } });
  const [name, seconds, ...windows] = positionals;
  const engine = await openBenchEngine(name, Number(values.threads ?? navigator.hardwareConcurrency));
  for (const window of windows.map(Number)) {
    for (const direction of DIRECTIONS) {
      console.log(JSON.stringify(await round(engine, direction, window, Number(seconds))));
    }
  }
  await engine.close();
}
