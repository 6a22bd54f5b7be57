import { LoopscopeError } from "../../base/errors.ts";
import { isNdArray, type ResultTree } from "../../base/nd_array.ts";
import { openEngine } from "../../compute/choose_engine.ts";
import { preparationAfter, preparationOf, repeatPreparation } from "../../cube/repeat_preparation.ts";
import type { ModelManifest } from "../../schemas/model.ts";
import { openCubeFile } from "../../store/cube_files/cube_file.ts";
import { loadModel } from "../../training/artifact/artifact.ts";
import { manifestForCube } from "../../training/evaluation/manifest_for_cube.ts";
import { decodePhysical, type OpenModel, openModel } from "../../training/inference/predict.ts";
import type { AppliedModel } from "../../training/inference/apply.ts";
import { readModelFiles } from "../processes/read_model_files.ts";
import type { ResultModel } from "./result_input.ts";
import { RESULT_TASKS } from "./result_tasks.ts";
import { decodeTree } from "../processes/worker_channel.ts";

export interface ResultTask {
  /** A name in `RESULT_TASKS`. */
  result: string;
  cubeFolder: string;
  /** The imaginary part of a complex response. */
  imaginaryFolder?: string;
  cubeSha256: string;
  parameters: Record<string, unknown>;
  /** The model's files and what `ComputeTasks.apply` wrote. */
  model?: { folder: string; applied: string };
}

/** Reads what a result needs and computes it. */
export async function computeResult(
  task: ResultTask,
  context: { signal: AbortSignal; progress(value: ResultTree): void },
): Promise<ResultTree> {
  const compute = RESULT_TASKS[task.result];
  if (!compute) throw new LoopscopeError("internal", "unknown_result", `There is no result ${task.result}`);
  const cube = openCubeFile(task.cubeFolder);
  const imaginary = task.imaginaryFolder ? openCubeFile(task.imaginaryFolder) : undefined;
  const { parameters, cubeSha256 } = task;
  const model = task.model && await openModelInput(task.model, { cubeSha256, shape: cube.shape });
  try {
    const { signal, progress } = context;
    const { preparation } = model?.input.manifest ?? {};
    const done = preparationOf(cube.meta.provenance);
    const prepared = model ? repeatPreparation(cube, done, preparation) : cube;
    const steps = preparationAfter(done, preparation);
    const input = { cube: prepared, cubeSha256, preparation: steps, parameters, model: model?.input, imaginary };
    return await compute({ ...input, signal, progress });
  } finally {
    cube.close();
    imaginary?.close();
    await model?.close();
  }
}

/** The decoder is opened only when a result asks for it: a small engine of its own, one thread. */
async function openModelInput(
  { folder, applied }: { folder: string; applied: string },
  cube: Parameters<typeof manifestForCube>[1],
) {
  const whole = await loadModel(await readModelFiles(folder));
  const loaded = { ...whole, manifest: manifestForCube(whole.manifest, cube) };
  const prediction = readApplied(await Deno.readFile(applied), loaded.manifest);
  let opened: Promise<{ model: OpenModel; close(): Promise<void> }> | undefined;
  const input: ResultModel = {
    manifest: loaded.manifest,
    prediction,
    async decode(latent_NL) {
      opened ??= openDecoder(loaded);
      return (await decodePhysical((await opened).model, latent_NL)).output_NO;
    },
  };
  return { input, close: async () => await (await opened)?.close() };
}

async function openDecoder(loaded: Parameters<typeof openModel>[1]) {
  const engine = await openEngine("wasm", { threads: 1, log: () => {} });
  const model = await openModel(engine, loaded);
  return {
    model,
    async close() {
      await model.close();
      await engine.close();
    },
  };
}

function readApplied(bytes: Uint8Array, manifest: ModelManifest): AppliedModel {
  const { row0, col0, rows, cols, latent, output, spread } = decodeTree(bytes) as { [key: string]: ResultTree };
  const floats = (value: ResultTree) => {
    if (isNdArray(value) && value.data instanceof Float32Array) return value.data;
    throw new LoopscopeError("internal", "applied_damaged", `The stored prediction of ${manifest.name} is damaged`);
  };
  return {
    ...{ row0: Number(row0), col0: Number(col0), rows: Number(rows), cols: Number(cols) },
    latent_HWL: floats(latent),
    output_HWO: floats(output),
    spread_HWO: spread === undefined || spread === null ? undefined : floats(spread),
  };
}
