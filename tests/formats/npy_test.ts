import fc from "fast-check";
import { type NdArray, ndArray } from "../../lib/base/nd_array.ts";
import { decodeNpy, encodeNpy, toRowMajor } from "../../lib/formats/numpy/npy.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { npyBytes } from "./support/npy_bytes.ts";

const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });
const dtypes = fc.constantFrom("float32" as const, "float64" as const, "int32" as const, "uint8" as const);
const MAKE = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array };

function sample(dtype: keyof typeof MAKE, shape: number[]): NdArray {
  const data = new MAKE[dtype](shape.reduce((n, length) => n * length, 1)).map((_, i) => (i * 7919) % 251);
  return ndArray(data, shape);
}

Deno.test("an array comes back from NPY as it went in, whatever its shape and type", () => {
  fc.assert(fc.property(dtypes, shapes, (dtype, shape) => {
    const array = sample(dtype, shape);
    assertEquals(decodeNpy(encodeNpy(array)), array);
  }));
});

Deno.test("an encoded header is what NumPy writes: version 1.0, data on a multiple of 64 bytes", () => {
  const bytes = encodeNpy(ndArray(Float32Array.of(1, 2), [2]));
  const text = new TextDecoder("latin1").decode(bytes.subarray(10, 80));
  assertEquals([...bytes.subarray(0, 10)], [0x93, 78, 85, 77, 80, 89, 1, 0, 118, 0]);
  assert.match(text, /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2,\), \}/);
  assertEquals(bytes.length, 128 + 8);
  assertEquals(bytes[127], 10);
});

Deno.test("every real type and byte order is read", () => {
  const cases: [descr: string, dtype: string, raw: number[], values: number[]][] = [
    ["<f2", "float32", [0x00, 0x3c, 0x00, 0xc1], [1, -2.5]],
    [">f2", "float32", [0x3c, 0x00, 0xc1, 0x00], [1, -2.5]],
    [">f4", "float32", [0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0], [1, -2.5]],
    [">f8", "float64", [0xc0, 0x04, 0, 0, 0, 0, 0, 0], [-2.5]],
    [">i4", "int32", [0xff, 0xff, 0xff, 0xfe], [-2]],
    ["<i2", "int32", [0xfe, 0xff, 1, 0], [-2, 1]],
    ["|i1", "int32", [0xfe, 1], [-2, 1]],
    ["|b1", "int32", [0, 1], [0, 1]],
    [">u2", "int32", [0xff, 0xfe], [65534]],
    ["<u4", "float64", [0xfe, 0xff, 0xff, 0xff], [4294967294]],
    [">i8", "float64", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe], [-2]],
    ["<u8", "float64", [3, 0, 0, 0, 1, 0, 0, 0], [4294967299]],
  ];
  for (const [descr, dtype, raw, values] of cases) {
    const array = decodeNpy(npyBytes(descr, [values.length], Uint8Array.from(raw)));
    assertEquals([array.dtype, [...array.data]], [dtype, values], descr);
  }
});

Deno.test("Fortran order comes back row-major", () => {
  const bytes = npyBytes("|u1", [2, 3, 2], Uint8Array.from({ length: 12 }, (_, i) => i), true);
  assertEquals([...decodeNpy(bytes).data], [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
  fc.assert(fc.property(shapes, (shape) => {
    const rowMajor = sample("int32", shape).data;
    const reversed = toRowMajor(rowMajor, shape);
    // A transpose of the reversed shape undoes it.
    assertEquals(toRowMajor(reversed, [...shape].reverse()), rowMajor);
  }));
});

Deno.test("a file that is short, long or no array is refused with what was met", async () => {
  const whole = encodeNpy(ndArray(new Float64Array(6), [2, 3]));
  const short = await assertFailsWith("npy_malformed", () => decodeNpy(whole.subarray(0, whole.length - 1)));
  assert.match(short.message, /Found 175 bytes; expected 176 for shape \[2,3\]/);
  await assertFailsWith("npy_malformed", () => decodeNpy(new Uint8Array([...whole, 0])));
  await assertFailsWith("npy_malformed", () => decodeNpy(new TextEncoder().encode("hello, this is text")));
  await assertFailsWith("npy_malformed", () => decodeNpy(new Uint8Array(0)));
  await assertFailsWith("npy_malformed", () => decodeNpy(npyBytes("<f8", [2], new Uint8Array(8))));
  await assertFailsWith("npy_malformed", () => decodeNpy(npyBytes("<q8", [1], new Uint8Array(8))));
});

Deno.test("values that are no real numbers are refused by name", async () => {
  const complex = await assertFailsWith("complex_values", () => decodeNpy(npyBytes("<c16", [1], new Uint8Array(16))));
  assert.match(complex.message, /complex128/);
  await assertFailsWith("not_numeric", () => decodeNpy(npyBytes("<U4", [1], new Uint8Array(16))));
  await assertFailsWith("not_numeric", () => decodeNpy(npyBytes("|O", [1], new Uint8Array(8))));
  const records = npyBytes([["a", "<f4"], ["b", "<i4"]], [1], new Uint8Array(8));
  await assertFailsWith("structured_values", () => decodeNpy(records));
});

Deno.test("a huge declared shape is refused before anything is allocated", async () => {
  await assertFailsWith("too_many_values", () => decodeNpy(npyBytes("<f8", [100000, 100000], new Uint8Array(8))));
  await assertFailsWith("npy_malformed", () => decodeNpy(npyBytes("<f8", [1e9, 1e9, 1e9], new Uint8Array(8))));
  const limited = { maxElements: 5 };
  await assertFailsWith("too_many_values", () => decodeNpy(npyBytes("|u1", [6], new Uint8Array(6)), limited));
});

Deno.test("no bytes at all make the decoder throw anything but a tagged error", () => {
  const whole = encodeNpy(ndArray(new Float32Array(12), [3, 4]));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }), (edits) => {
      const bytes = whole.slice();
      for (const [at, value] of edits) bytes[at] = value;
      try {
        decodeNpy(bytes, { maxElements: 1e6 });
      } catch (error) {
        assert.equal((error as Error).name, "LoopscopeError", String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
