import fc from "fast-check";
import { readSafetensors, writeSafetensors } from "../../lib/training/artifact/safetensors.ts";
import { stateFromSafetensors } from "../../lib/training/artifact/state_from_safetensors.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import { LoopscopeError } from "../../lib/base/errors.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { testWithShared } from "../support/shared.ts";

const NETWORK = buildNetwork({ direction: "im2spec", window: 4, points: 5, latent: 2, filters: 3 });

/** A file of this header text and this many data bytes. */
function file(header: string, dataBytes = 0, headerLength = header.length): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.set(text, 8);
  return bytes;
}

function entry(begin: number, end: number, shape: number[], dtype = "F32"): string {
  return JSON.stringify({ dtype, shape, data_offsets: [begin, end] });
}

Deno.test("what is written is read again: names, shapes, values, metadata", () => {
  fc.assert(fc.property(
    fc.uniqueArray(fc.tuple(fc.string(), fc.array(fc.nat(4), { maxLength: 3 })), { selector: ([name]) => name }),
    fc.dictionary(fc.string(), fc.string()),
    (specs, metadata) => {
      const named = specs.filter(([name]) => name !== "__metadata__");
      const tensors = new Map(named.map(([name, shape], i) => {
        const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, j) => i - j / 3);
        return [name, { shape, data }];
      }));
      const read = readSafetensors(writeSafetensors(tensors, metadata));
      assertEquals({ ...read.metadata }, { ...metadata });
      assertEquals(new Map([...read.tensors].map(([name, { shape, data }]) => [name, { shape, data }])), tensors);
    },
  ));
});

const HOSTILE: Record<string, Uint8Array> = {
  "no header": new Uint8Array(3),
  "header longer than the file": file("{}", 0, 1000),
  "header of 2^63 bytes": Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 128, 123, 125]),
  "header that is not JSON": file("{,}"),
  "header that is not UTF-8": Uint8Array.from([3, 0, 0, 0, 0, 0, 0, 0, 0x22, 0xff, 0x22]),
  "header that is an array": file("[]"),
  "a tensor that is a number": file(`{"a":1}`),
  "a fractional shape": file(`{"a":${entry(0, 4, [0.5])}}`, 4),
  "a negative shape": file(`{"a":${entry(0, 4, [-1, -1])}}`, 4),
  "a shape that overflows": file(`{"a":${entry(0, 4, [2 ** 53 - 1, 2 ** 53 - 1])}}`, 4),
  "offsets past the end": file(`{"a":${entry(0, 8, [2])}}`, 4),
  "offsets that overlap": file(`{"a":${entry(0, 8, [2])},"b":${entry(4, 12, [2])}}`, 12),
  "offsets with a hole": file(`{"a":${entry(0, 4, [1])},"b":${entry(8, 12, [1])}}`, 12),
  "offsets that do not fit the shape": file(`{"a":${entry(0, 4, [2])}}`, 4),
  "bytes after the last tensor": file(`{"a":${entry(0, 4, [1])}}`, 8),
  "a name twice": file(`{"a":${entry(0, 4, [1])},"\\u0061":${entry(4, 8, [1])}}`, 8),
  "metadata that is not strings": file(`{"__metadata__":{"a":1}}`),
};

for (const [what, bytes] of Object.entries(HOSTILE)) {
  Deno.test(`refuses ${what}`, async () => {
    await assertFailsWith("safetensors_malformed", () => readSafetensors(bytes));
  });
}

Deno.test("refuses a dtype that the format does not have", async () => {
  const bytes = file(`{"a":${entry(0, 4, [1], "C64")}}`, 4);
  await assertFailsWith("safetensors_dtype", () => readSafetensors(bytes));
});

Deno.test("any bytes are read or refused with a LoopscopeError", () => {
  const whole = writeSafetensors(new Map([["a", { shape: [3], data: Float32Array.of(1, 2, 3) }]]), { k: "v" });
  fc.assert(fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, value, length) => {
    const bytes = whole.slice(0, length);
    if (at < length) bytes[at] = value;
    try {
      readSafetensors(bytes);
    } catch (error) {
      assert.ok(error instanceof LoopscopeError, String(error));
    }
  }));
});

Deno.test("a key of eight million characters is read without a stack overflow", () => {
  const name = "\\\\ab".repeat(2_000_000);
  assertEquals(readSafetensors(file(`{"${name}":${entry(0, 0, [0])}}`)).tensors.size, 1);
});

Deno.test("a state survives writing, with PyTorch's counters beside it", () => {
  const state = initialState(NETWORK, 1);
  const counters = [`"enc_conv.block.2.num_batches_tracked":${entry(0, 8, [], "I64")}`];
  const read = stateFromSafetensors(writeSafetensors(state), NETWORK);
  assertEquals(read, state);
  const names = [...state].map(([name, { shape, data }], i, all) => {
    const begin = 8 + all.slice(0, i).reduce((sum, [, tensor]) => sum + tensor.data.byteLength, 0);
    return `${JSON.stringify(name)}:${entry(begin, begin + data.byteLength, [...shape])}`;
  });
  const bytes = [...state.values()].reduce((sum, { data }) => sum + data.byteLength, 8);
  const withCounters = file(`{${[...counters, ...names].join()}}`, bytes);
  assertEquals([...stateFromSafetensors(withCounters, NETWORK).keys()], [...state.keys()]);
});

Deno.test("a state that does not fit is refused with every fault", async () => {
  const state = initialState(NETWORK, 1);
  state.delete("dec_out.bias");
  state.set("enc_fc.bias", { shape: [3], data: new Float32Array(3) });
  state.set("extra", { shape: [1], data: new Float32Array(1) });
  state.get("enc_fc.weight")!.data[4] = NaN;
  const error = await assertFailsWith("weights_mismatch", () => stateFromSafetensors(writeSafetensors(state), NETWORK));
  assertEquals((error as LoopscopeError).issues, [
    { path: "enc_fc.weight", message: "Holds NaN at 4; expected finite numbers" },
    { path: "enc_fc.bias", message: "Has shape [3]; expected [2]" },
    { path: "dec_out.bias", message: "Is missing; expected float32 [1]" },
    { path: "extra", message: "Is not in the network" },
  ]);
});

testWithShared("the golden files are read", (shared) => {
  const bytes = Deno.readFileSync(new URL("golden/networks/im2spec_w12_s50_l3_f8.safetensors", shared));
  const { tensors, metadata } = readSafetensors(bytes);
  assertEquals([metadata.kind, metadata.window, metadata.filters], ["im2spec", "12", "8"]);
  assertEquals(tensors.get("init.enc_fc.weight")?.shape, [3, 1152]);
  assertEquals(tensors.get("init.enc_fc.weight")?.data.length, 3456);
});
