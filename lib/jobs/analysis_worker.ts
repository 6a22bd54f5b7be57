import { type NdArray, ndArray, type ResultTree } from "../base/nd_array.ts";
import { demoCube } from "../cube/demo_cube.ts";
import { writeNsid } from "../formats/hdf5/dialects/write_nsid.ts";
import {
  type AdviceTask,
  adviceTask,
  experimentPredictionTask,
  type ExperimentTask,
} from "./experiments/experiment_tasks.ts";
import { computeResult, type ResultTask } from "./results/compute_result.ts";
import { startHeartbeat } from "./processes/heartbeat.ts";
import { ignoreSignals } from "./processes/ignore_signals.ts";
import { serveCalls } from "./processes/worker_channel.ts";

/** Entry of an analysis process: derived results of stored cubes, one at a time. */
console.log = console.error;
ignoreSignals();
startHeartbeat();
await serveCalls(
  {
    result: (value, context) => computeResult(value as unknown as ResultTask, context),
    experimentAdvice: (value) => Promise.resolve(adviceTask(experimentTask(value) as AdviceTask)),
    experimentPrediction: (value) => Promise.resolve(experimentPredictionTask(experimentTask(value))),
    async demo(): Promise<ResultTree> {
      const bytes = await writeNsid(demoCube().cube);
      return ndArray(bytes, [bytes.length]);
    },
  },
  Deno.stdin.readable,
  Deno.stdout.writable,
);
Deno.exit(0);

/** Arrays arrive with their shapes. */
function experimentTask(value: ResultTree): ExperimentTask {
  const { image, pixels, values, pending, ...rest } = value as { [name: string]: ResultTree };
  const dataOf = (array: ResultTree) => (array as NdArray).data;
  return {
    ...rest,
    image_HW: dataOf(image),
    pixels: dataOf(pixels),
    values_NS: dataOf(values),
    pending: dataOf(pending),
  } as unknown as ExperimentTask;
}
