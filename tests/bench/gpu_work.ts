import { sizeOf } from "../../lib/base/nd_array.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import { openWebgpuEngine, type WebgpuEngine } from "../../lib/compute/webgpu/webgpu_engine.ts";
import { epochBatches } from "../../lib/training/epoch_batches.ts";
import type { Network } from "../../models/network.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { benchNetwork, DIRECTIONS, MAP_SIDE, MINI_BATCH, SPECTRUM } from "./compute_family.ts";
import type { BenchOptions } from "./family.ts";
import { floorMs, trainingCosts } from "./kernel_costs.ts";

/** Pairs of the demo cube at window 8: trained on, and tested on after each epoch. */
const TRAINED = 2000, TESTED = 400;

/** The counts depend on the layers and not on their width, and narrow ones also end on a renderer on the CPU. */
const FILTERS = 4;

type Work = WebgpuEngine["work"];

/** Prints what an epoch, a whole map and one sample ask of the device, and what a step's kernels take at least. */
export async function explainGpuWork({ windows }: Pick<BenchOptions, "windows">): Promise<void> {
  const engine = await openWebgpuEngine();
  console.log(`\n${engine.device}: work on the device`);
  console.log(line("", ["submissions", "dispatches", "read-backs", "KB up", "KB back"]));
  for (const window of windows) {
    for (const direction of DIRECTIONS) {
      const works = await countWork(
        engine,
        buildNetwork({ direction, window, points: SPECTRUM, latent: 2, filters: FILTERS }),
      );
      for (const [name, work] of Object.entries(works)) {
        console.log(line(`${name} ${direction} ${window}`, cells(work)));
      }
    }
  }
  await engine.close();
  for (const window of windows) {
    for (const direction of DIRECTIONS) printCosts(`${direction} ${window}`, benchNetwork(direction, window));
  }
}

async function countWork(engine: WebgpuEngine, network: Network): Promise<Record<string, Work>> {
  const session = await engine.open(network, initialState(network, 1), { trainBatch: MINI_BATCH });
  const pairs = (count: number) => ({
    input_NI: new Float32Array(count * sizeOf(network.inputShape)),
    target_NO: new Float32Array(count * sizeOf(network.outputShape)),
  });
  const { input_NI, target_NO } = pairs(TRAINED);
  await session.setTrainingSet(input_NI, target_NO);
  await session.epochs!.setEvaluationSets([pairs(TESTED)]);
  const epoch = async () => {
    const batches = epochBatches(TRAINED, MINI_BATCH, 1, 1);
    (await session.epochs!.run(batches, () => Promise.resolve())).snapshot.release();
  };
  const map = async () => {
    if (network.options.direction === "im2spec") {
      await session.predictImage(new Float32Array(MAP_SIDE ** 2), MAP_SIDE, MAP_SIDE);
    } else await session.predict(pairs((MAP_SIDE - network.options.window + 1) ** 2).input_NI);
  };
  const one = async () => void await session.predict(pairs(1).input_NI);
  const works: Record<string, Work> = {};
  for (const [name, run] of Object.entries({ epoch, map, one })) {
    await run(); // compiles
    const before = { ...engine.work };
    await run();
    works[name] = difference(engine.work, before);
  }
  await session.close();
  return works;
}

function difference(after: Work, before: Work): Work {
  const entries = Object.entries(after).map(([key, value]) => [key, value - before[key as keyof Work]]);
  return Object.fromEntries(entries) as Work;
}

function printCosts(name: string, network: Network): void {
  const costs = trainingCosts(network, MINI_BATCH);
  const title = `step ${name}`;
  console.log(`\n${line(title, ["kernels", "GFLOP", "MB", "H100 us"])}`);
  for (const cost of costs) {
    const { kernel, count, operations, bytes } = cost;
    console.log(
      line(kernel, [String(count), (operations / 1e9).toFixed(2), (bytes / 1e6).toFixed(1), us(floorMs(cost))]),
    );
  }
  console.log(line("all", ["", "", "", us(costs.reduce((sum, cost) => sum + floorMs(cost), 0))]));
}

function us(ms: number): string {
  return (1000 * ms).toFixed(1);
}

function cells({ submissions, dispatches, readBacks, bytesWritten, bytesRead }: Work): string[] {
  const kilobytes = (bytes: number) => (bytes / 1000).toFixed(1);
  return [...[submissions, dispatches, readBacks].map(String), kilobytes(bytesWritten), kilobytes(bytesRead)];
}

function line(name: string, values: readonly string[]): string {
  return name.padEnd(22) + values.map((value) => value.padStart(12)).join("");
}
