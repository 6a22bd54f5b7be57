import { ndArray, type ResultTree } from "../../lib/base/nd_array.ts";
import type { Engine, Session } from "../../lib/compute/engine.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import { openWasmEngine } from "../../lib/compute/wasm/wasm_engine.ts";
import { ComputeTasks } from "../../lib/jobs/processes/compute_tasks.ts";
import { writeTrainedModel } from "../../lib/jobs/processes/trained_model_tree.ts";
import { writeSafetensors } from "../../lib/training/artifact/safetensors.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { assertEquals, assertFailsWith } from "../support/assert.ts";

/** Takes some 200 MiB of an engine. */
const network = buildNetwork({ direction: "im2spec", window: 64, points: 32, latent: 2, filters: 64 });
const signal = new AbortController().signal;

async function fill(engine: Engine): Promise<Session[]> {
  const sessions: Session[] = [];
  const state = initialState(network, 1);
  await assertFailsWith("out_of_memory", async () => {
    while (true) sessions.push(await engine.open(network, state));
  });
  return sessions;
}

async function writeModel(tasks: ComputeTasks, seed: number): Promise<string> {
  const weights = writeSafetensors(initialState(network, seed));
  const tree = await tasks.import({ network: network.options, weights: ndArray(weights, [weights.length]) as never });
  const folder = await Deno.makeTempDir();
  await writeTrainedModel(folder, tree, { name: "large", version: seed, createdAt: "2026-01-01T00:00:00.000Z" });
  return folder;
}

Deno.test("a model for which the engine has no room takes that of models nobody uses", async () => {
  const engine = await openWasmEngine({ threads: 1 });
  const tasks = new ComputeTasks(engine);
  const folders = [await writeModel(tasks, 1), await writeModel(tasks, 2)];
  try {
    const [session] = await fill(engine);
    await session.close();
    const samples = ndArray(new Float32Array(64 * 64), [1, 64, 64]) as never;
    const ask = async (folder: string) => {
      const { outputs } = await tasks.predict(folder, samples, signal) as { [name: string]: ResultTree };
      return [...(outputs as unknown as { data: Float32Array }).data];
    };
    const [first, second] = [await ask(folders[0]), await ask(folders[1])];
    assertEquals([await ask(folders[0]), await ask(folders[1])], [first, second]);
  } finally {
    await engine.close();
    for (const folder of folders) await Deno.remove(folder, { recursive: true });
  }
});
