import fc from "fast-check";
import { ndArray, type ResultTree } from "../../lib/base/nd_array.ts";
import {
  decodeMessages,
  decodeTree,
  encodeMessage,
  encodeTree,
  type WorkerMessage,
} from "../../lib/jobs/processes/worker_channel.ts";
import { assert, assertEquals } from "../support/assert.ts";

const arrays = fc.oneof(
  fc.float32Array({ maxLength: 20 }).map((data) => ndArray(data, [data.length])),
  fc.float64Array({ maxLength: 20 }).map((data) => ndArray(data, [1, data.length])),
  fc.uint8Array({ maxLength: 20 }).map((data) => ndArray(data, [data.length, 1])),
);
const trees: fc.Arbitrary<ResultTree> = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    arrays,
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 6 }).filter((key) => key !== "__proto__"), tie("tree"), { maxKeys: 4 }),
  ),
})).tree as fc.Arbitrary<ResultTree>;

function flat(pieces: Uint8Array[]): Uint8Array {
  return new Uint8Array(pieces.flatMap((piece) => [...piece]));
}

const plain = (value: unknown) =>
  JSON.parse(JSON.stringify(value, (_, item) => ArrayBuffer.isView(item) ? [...item as Uint8Array].map(String) : item));

Deno.test("any tree survives encoding", () => {
  fc.assert(fc.property(trees, (tree) => {
    assertEquals(plain(decodeTree(flat(encodeTree(tree)))), plain(tree));
  }));
});

Deno.test("messages cut at any place in the stream arrive whole and in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(trees, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 40 }),
      async (list, cut) => {
        const messages: WorkerMessage[] = list.map((value, id) => ({ type: "call", id, method: "m", value }));
        const bytes = flat(messages.flatMap(encodeMessage));
        const chunks = Array.from(
          { length: Math.ceil(bytes.length / cut) },
          (_, i) => bytes.slice(i * cut, (i + 1) * cut),
        );
        const met: WorkerMessage[] = [];
        for await (const message of decodeMessages(ReadableStream.from(chunks))) met.push(message);
        assertEquals(plain(met), plain(messages));
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("a stream that ends within a frame or announces an absurd one is an error", async () => {
  const whole = flat(encodeMessage({ type: "result", id: 1, value: ndArray(new Float32Array(4), [4]) }));
  const read = async (bytes: Uint8Array) => {
    for await (const message of decodeMessages(ReadableStream.from([bytes]))) assert.ok(message);
  };
  await assert.rejects(read(whole.slice(0, whole.length - 1)), /within a frame/);
  await assert.rejects(read(new Uint8Array(8).fill(255)), /frame of/);
});
