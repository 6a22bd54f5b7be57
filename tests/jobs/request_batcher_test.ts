import { RequestBatcher } from "../../lib/jobs/processes/request_batcher.ts";
import { assert, assertEquals } from "../support/assert.ts";

/** Doubles and sums: two outputs of different width. */
function makeBatcher(maxSamples: number, runs: number[]): RequestBatcher {
  return new RequestBatcher({
    sampleSize: 2,
    maxSamples,
    run: async (samples) => {
      runs.push(samples.length / 2);
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (samples.includes(-1)) throw new RangeError("Met -1");
      const sums = new Float32Array(samples.length / 2).map((_, n) => samples[2 * n] + samples[2 * n + 1]);
      return [samples.map((value) => 2 * value), sums];
    },
  });
}

Deno.test("requests that arrive together run together and each gets its own rows", async () => {
  const runs: number[] = [];
  const batcher = makeBatcher(64, runs);
  const answers = await Promise.all([[1, 2], [3, 4, 5, 6], [7, 8]].map((s) => batcher.submit(new Float32Array(s))));
  assertEquals(runs, [4]);
  assertEquals(answers.map(([doubled, sums]) => [[...doubled], [...sums]]), [
    [[2, 4], [3]],
    [[6, 8, 10, 12], [7, 11]],
    [[14, 16], [15]],
  ]);
});

Deno.test("no batch exceeds its size, and a large request takes turns with the others", async () => {
  const runs: number[] = [];
  const batcher = makeBatcher(3, runs);
  const values = Float32Array.from({ length: 20 }, (_, i) => i);
  const large = batcher.submit(values);
  const small = Array.from({ length: 7 }, () => batcher.submit(new Float32Array(2)));
  const [[doubled, sums]] = await Promise.all([large, ...small]);
  assertEquals(runs, [3, 3, 3, 1, 3, 3, 1]);
  assertEquals(doubled, values.map((value) => 2 * value));
  assertEquals([...sums], Array.from({ length: 10 }, (_, n) => 4 * n + 1));
});

Deno.test("a large request whose caller goes ends after the piece that runs", async () => {
  const runs: number[] = [];
  const batcher = makeBatcher(3, runs);
  const gone = new AbortController();
  const large = batcher.submit(new Float32Array(2000), gone.signal);
  while (runs.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  gone.abort(new Error("gone"));
  const ran = runs.length;
  await assert.rejects(large, /gone/);
  assert.ok(runs.length <= ran + 1, `met ${runs.length} runs, ${ran} of them before`);
  await batcher.submit(new Float32Array(2));
  assertEquals(runs.at(-1), 1);
});

Deno.test("a failing batch fails its requests and no later one", async () => {
  const batcher = makeBatcher(64, []);
  const bad = await Promise.allSettled([batcher.submit(new Float32Array([-1, 0]))]);
  assert.equal(bad[0].status, "rejected");
  const [, sums] = await batcher.submit(new Float32Array([1, 1]));
  assertEquals([...sums], [2]);
});

Deno.test("nothing is computed for a caller that has gone", async () => {
  const runs: number[] = [];
  const batcher = makeBatcher(1, runs);
  const gone = new AbortController();
  const first = batcher.submit(new Float32Array(2));
  const second = batcher.submit(new Float32Array(2), gone.signal);
  gone.abort(new Error("gone"));
  await Promise.all([first, assert.rejects(second, /gone/)]);
  assertEquals(runs, [1]);
});
