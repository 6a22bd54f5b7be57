import { type NdArray, ndArray, type ResultTree } from "../../lib/base/nd_array.ts";
import { openWasmEngine } from "../../lib/compute/wasm/wasm_engine.ts";
import { ComputeTasks } from "../../lib/jobs/processes/compute_tasks.ts";
import { LocalPredictor } from "../../lib/service/local_predictor.ts";
import { assert, assertEquals } from "../support/assert.ts";

const FILM = new URL("../../zoo/simulated-film-im2spec/1", import.meta.url).pathname;
const signal = new AbortController().signal;
type Floats = NdArray & { data: Float32Array };

function patches(count: number): Floats {
  const data = Float32Array.from({ length: count * 64 }, (_, i) => Math.sin(i) * 5);
  return ndArray(data, [count, 8, 8]) as Floats;
}

async function answered(local: LocalPredictor, samples: Floats): Promise<ResultTree> {
  while (true) {
    const answer = await local.answer("predict", FILM, samples, signal);
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 5)); // it is being measured
  }
}

Deno.test("small predictions in this process are those of the compute process, single ones to the bit", async () => {
  const local = new LocalPredictor({ log: () => {} });
  const engine = await openWasmEngine({ threads: 2 });
  const tasks = new ComputeTasks(engine);
  try {
    const [met, wanted] = [await answered(local, patches(1)), await tasks.predict(FILM, patches(1), signal)];
    assertEquals(met, wanted);
    const [many, all] = [await answered(local, patches(20)), await tasks.predict(FILM, patches(20), signal)];
    const outputs = (tree: ResultTree) => (tree as unknown as { outputs: Floats }).outputs;
    assertEquals(outputs(many).shape, [20, 64]);
    const worst = outputs(many).data.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - outputs(all).data[i])),
      0,
    );
    assert.ok(worst < 1e-4, `a batch differs by ${worst} pm`);
  } finally {
    await local.close();
    await engine.close();
  }
});

Deno.test("requests that come together are answered together, each with its own prediction", async () => {
  const local = new LocalPredictor({ log: () => {} });
  try {
    const one = (i: number) => ndArray(patches(40).data.slice(i * 64, (i + 1) * 64), [1, 8, 8]) as Floats;
    const alone: ResultTree[] = [];
    for (let i = 0; i < 40; i++) alone.push(await answered(local, one(i)));
    const together = await Promise.all(Array.from({ length: 40 }, (_, i) => answered(local, one(i))));
    for (let i = 0; i < 40; i++) {
      const [a, b] = [alone[i], together[i]].map((tree) => (tree as unknown as { outputs: Floats }).outputs.data);
      a.forEach((value, k) => assert.ok(Math.abs(value - b[k]) < 1e-4, `sample ${i} differs at ${k}`));
    }
  } finally {
    await local.close();
  }
});

Deno.test("what would take long, cannot be read, or comes after kernels failed is left to the compute process", async () => {
  const failures: string[] = [];
  const local = new LocalPredictor({ log: (event) => failures.push(event) });
  await answered(local, patches(1));
  assertEquals(await local.answer("predict", FILM, patches(5000), signal), undefined);
  assertEquals(await local.answer("predict", "/nowhere", patches(1), signal), undefined);
  await local.close();
  assertEquals(await local.answer("predict", FILM, patches(1), signal), undefined);
});
