import fc from "fast-check";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { readArray } from "../../routes/request/read_array.ts";

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

Deno.test("nested lists and the flat form give the same array", () => {
  const shape = fc.tuple(
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 4 }),
  );
  fc.assert(fc.property(shape, fc.array(finite, { minLength: 64, maxLength: 64 }), ([n, h, w], values) => {
    const data = values.slice(0, n * h * w);
    const nested = Array.from(
      { length: n },
      (_, i) => Array.from({ length: h }, (_, j) => data.slice((i * h + j) * w, (i * h + j + 1) * w)),
    );
    assertEquals(readArray(nested, "inputs"), readArray({ shape: [n, h, w], data }, "inputs"));
    assertEquals(Array.from(readArray(nested, "inputs").data), data);
  }));
});

Deno.test("null is a missing value", () => {
  assert.ok(Number.isNaN(readArray([1, null], "inputs").data[1]));
  assert.ok(Number.isNaN(readArray({ dtype: "float32", shape: [1], data: [null] }, "inputs").data[0]));
});

Deno.test("a named dtype keeps its numbers: integers as they are, float32 rounded", () => {
  const read = (dtype: string, data: number[]) => readArray({ dtype, shape: [data.length], data }, "inputs").data;
  assertEquals(read("uint8", [0, 255]), Uint8Array.of(0, 255));
  assertEquals(read("int32", [-(2 ** 31), 2 ** 31 - 1]), Int32Array.of(-(2 ** 31), 2 ** 31 - 1));
  assertEquals(read("float32", [0.1, 1e-60]), Float32Array.of(0.1, 0));
});

Deno.test("a fault is named with its place, the value met and the value wanted", async () => {
  const faults: [value: unknown, message: RegExp][] = [
    [[[1, 2], [3]], /inputs\[1\]: received 1 entries; expected 2 as in inputs\[0\]/],
    [[[1, 2], [3, 4, 5]], /inputs\[1\]: received 3 entries; expected 2/],
    [[[1, 2], 3], /inputs\[1\]: received 3; expected a list of 2/],
    [[[1, 2], [3, "4"]], /inputs\[1\]\[1\]: received "4"; expected a finite number/],
    [[1, Infinity], /inputs\[1\]: received Infinity/],
    [[1, [2]], /inputs\[1\]: received \[2\]; expected a finite number/],
    [[], /inputs: received an empty list/],
    [[[[[[1]]]]], /inputs: received more than 4 levels/],
    ["abc", /inputs: received "abc"; expected nested lists/],
    [undefined, /inputs: received nothing/],
    [null, /inputs: received null/],
    [{ shape: [2], data: [1] }, /inputs\.data: received 1 values; expected 2 for shape \[2\]/],
    [{ shape: [-1], data: [1] }, /inputs\.shape: received \[-1\]/],
    [{ shape: [1e9, 1e9], data: [1] }, /inputs\.shape: received/],
    [{ shape: [1.5], data: [1] }, /inputs\.shape/],
    [{ shape: [], data: [1] }, /inputs\.shape/],
    [{ shape: [1], data: "1" }, /inputs\.data: received "1"/],
    [{ dtype: "complex64", shape: [1], data: [1] }, /inputs\.dtype: received "complex64"; expected one of float32/],
    [
      { dtype: "uint8", shape: [2], data: [255, 256] },
      /inputs\.data\[1\]: received 256; expected a number that uint8 holds/,
    ],
    [{ dtype: "uint8", shape: [1], data: [-1] }, /received -1; expected a number that uint8 holds/],
    [{ dtype: "int32", shape: [1], data: [1.5] }, /received 1\.5; expected a number that int32 holds/],
    [{ dtype: "int32", shape: [1], data: [2 ** 31] }, /received 2147483648/],
    [{ dtype: "int32", shape: [1], data: [null] }, /received null; expected a number that int32 holds/],
    [{ dtype: "float32", shape: [1], data: [1e39] }, /received 1e\+39; expected a number that float32 holds/],
    [{ dtype: "toString", shape: [1], data: [1] }, /inputs\.dtype/],
  ];
  for (const [value, message] of faults) {
    const error = await assertFailsWith("invalid_array", () => readArray(value, "inputs"));
    assert.match(error.message, message);
  }
});
