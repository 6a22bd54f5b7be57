import fc from "fast-check";
import type { TensorDatatype } from "../../lib/schemas/inference_v2.ts";
import { BinaryData, readTensor } from "../../routes/request/tensor_data.ts";
import { assertEquals } from "../support/assert.ts";

type TypedArray = { readonly buffer: ArrayBuffer; [index: number]: number | bigint };

/** What holds the values of each type, little-endian as this machine and the protocol are. */
const HOLDERS: [TensorDatatype, (values: number[]) => TypedArray][] = [
  ["FP64", (values) => Float64Array.from(values)],
  ["FP32", (values) => Float32Array.from(values)],
  ["FP16", (values) => Float16Array.from(values)],
  ["INT64", (values) => BigInt64Array.from(values.map((value) => BigInt(Math.trunc(value))))],
  ["INT32", (values) => Int32Array.from(values)],
  ["INT16", (values) => Int16Array.from(values)],
  ["INT8", (values) => Int8Array.from(values)],
  ["UINT64", (values) => BigUint64Array.from(values.map((value) => BigInt(Math.trunc(Math.abs(value)))))],
  ["UINT32", (values) => Uint32Array.from(values)],
  ["UINT16", (values) => Uint16Array.from(values)],
  ["UINT8", (values) => Uint8Array.from(values)],
];

Deno.test("flat numbers, nested numbers and bytes are the same tensor", () => {
  const shapes = fc.tuple(...[1, 2, 3].map(() => fc.integer({ min: 1, max: 4 })));
  const values = fc.array(fc.double({ min: -30_000, max: 30_000, noNaN: true }), { minLength: 64, maxLength: 64 });
  fc.assert(fc.property(fc.constantFrom(...HOLDERS), shapes, values, ([datatype, hold], shape, drawn) => {
    const [n, h, w] = shape;
    const held = hold(drawn.slice(0, n * h * w));
    const flat = Array.from({ length: n * h * w }, (_, i) => Number(held[i]));
    const nested = Array.from(
      { length: n },
      (_, i) => Array.from({ length: h }, (_, j) => flat.slice((i * h + j) * w, (i * h + j + 1) * w)),
    );
    const bytes = new Uint8Array(held.buffer);
    const parameters = { binary_data_size: bytes.length };
    const about = { name: "x", datatype, shape };
    // At an odd place, as after a JSON header of any length.
    const body = new BinaryData(Uint8Array.of(0, ...bytes).subarray(1));
    const read = [
      readTensor({ ...about, data: flat }, new BinaryData(new Uint8Array(0))),
      readTensor({ ...about, data: nested }, new BinaryData(new Uint8Array(0))),
      readTensor({ ...about, parameters }, body),
    ];
    body.end();
    for (const { shape: met, data } of read) assertEquals([[...met], Array.from(data)], [shape, flat]);
  }));
});
