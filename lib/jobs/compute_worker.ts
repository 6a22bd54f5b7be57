import { LoopscopeError } from "../base/errors.ts";
import { isNdArray, type NdArray, ndArray, type ResultTree } from "../base/nd_array.ts";
import { describeEngines, openEngine } from "../compute/choose_engine.ts";
import type { Engine, EngineName } from "../compute/engine.ts";
import { MEASURED_NETWORK } from "../compute/measure_crossover.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { ComputeTasks } from "./processes/compute_tasks.ts";
import { GPU_FAILED_CODE } from "./processes/gpu_failed_code.ts";
import { startHeartbeat } from "./processes/heartbeat.ts";
import { ignoreSignals } from "./processes/ignore_signals.ts";
import { serveCalls } from "./processes/worker_channel.ts";

/**
 * Entry of the compute process: owns the engine, trains, predicts, applies models to cubes. Its argument is
 * `{engine, threads}` as JSON. Standard output belongs to the channel; what the program says goes to standard error.
 */
async function main(): Promise<void> {
  console.log = console.error;
  const { engine: wanted, threads } = JSON.parse(Deno.args[0]) as { engine: EngineName | "auto"; threads: number };
  const opening = openEngine(wanted, { threads, log: (line) => console.error(line) });
  opening.catch(() => {});
  const tasks = opening.then((engine) => new ComputeTasks(engine));
  tasks.catch(() => {});
  const onTasks = (run: (tasks: ComputeTasks, value: Tree, context: Context) => Promise<ResultTree>) => {
    return async (value: ResultTree, context: Context) => {
      try {
        return await run(await tasks, value as Tree, context);
      } catch (error) {
        if (isGpuFailure(error)) giveUpGpu(error as Error);
        throw error;
      }
    };
  };
  await serveCalls(
    {
      describe: onTasks(async () => {
        const engine = describeEngine(await opening);
        return { engine, engines: await describeEngines() as unknown as ResultTree };
      }),
      predict: onTasks((tasks, { folder, samples }, { signal }) =>
        tasks.predict(text(folder), floats(samples), signal)
      ),
      predictImage: onTasks((tasks, { folder, image }, { signal }) =>
        tasks.predictImage(text(folder), floats(image), signal)
      ),
      encode: onTasks((tasks, { folder, samples }, { signal }) => tasks.encode(text(folder), floats(samples), signal)),
      decode: onTasks((tasks, { folder, samples }, { signal }) => tasks.decode(text(folder), floats(samples), signal)),
      apply: onTasks((tasks, value, { signal }) => tasks.apply(value as never, signal)),
      train: onTasks((tasks, value, context) => tasks.train(value as never, context)),
      import: onTasks((tasks, value) => tasks.import(value as never)),
      importArchive: onTasks((tasks, value) => tasks.importArchive(value as never)),
      totals: onTasks((tasks) => Promise.resolve({ ...tasks.totals() })),
      async drain() {
        (await tasks).drain();
        return null;
      },
    },
    Deno.stdin.readable,
    Deno.stdout.writable,
  );
  await opening.then((engine) => engine.close(), () => {});
}

function describeEngine({ name, device, threads, smallCalls }: Engine): ResultTree {
  if (!smallCalls) return { name, device, threads };
  const { engine, roundTripMs, crossoverSamples } = smallCalls;
  const samples = crossoverSamples(buildNetwork(MEASURED_NETWORK));
  return {
    ...{ name, device, threads },
    smallCalls: {
      ...{ name: engine.name, device: engine.device, threads: engine.threads },
      gpuRoundTripMs: Math.round(1000 * roundTripMs) / 1000,
      crossoverSamples: Number.isFinite(samples) ? samples : null,
      measuredOn: { ...MEASURED_NETWORK },
    },
  };
}

/** Lost or hung: its sessions are gone with it. */
function isGpuFailure(error: unknown): boolean {
  return error instanceof LoopscopeError && ["gpu_lost", "gpu_hung", "gpu_failed"].includes(error.code);
}

/** Ends the process so that the next one takes another engine; a training job goes on there from its checkpoint. */
function giveUpGpu(error: Error): never {
  console.error(`The GPU failed, the next compute process does without it: ${error.message}`);
  Deno.exit(GPU_FAILED_CODE);
}

type Tree = { [key: string]: ResultTree };
type Context = { signal: AbortSignal; progress(value: ResultTree): void };

function text(value: ResultTree): string {
  if (typeof value === "string") return value;
  throw new LoopscopeError("internal", "bad_call", "A folder is missing");
}

function floats(value: ResultTree): NdArray & { data: Float32Array } {
  if (isNdArray(value) && value.data instanceof Float32Array) return ndArray(value.data, value.shape) as never;
  throw new LoopscopeError("internal", "bad_call", "An array is missing");
}

ignoreSignals();
startHeartbeat();
await main();
Deno.exit(0);
