import { strToU8, zipSync } from "fflate";
import { decodeNpy, encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { encodeNpz } from "../../lib/formats/numpy/npz.ts";
import { ndArray } from "../../lib/base/nd_array.ts";
import { readNpz, writeNpy } from "../../routes/page/src/npz.ts";
import { assert, assertEquals } from "../support/assert.ts";

Deno.test("the page reads the arrays of an NPZ answer, of every kind that the service sends", async () => {
  const arrays = await readNpz(encodeNpz({
    "loops.area": ndArray(Float32Array.of(1.5, -2, NaN, 4), [2, 2]),
    weights: ndArray(Float64Array.of(0.25, 0.75), [2]),
    labels: ndArray(Int32Array.of(3, -1), [2, 1]),
    metadata: ndArray(Uint8Array.of(123, 125), [2]),
  }));
  assertEquals(arrays.get("loops.area"), { shape: [2, 2], data: Float32Array.of(1.5, -2, NaN, 4) });
  assertEquals(arrays.get("weights"), { shape: [2], data: Float32Array.of(0.25, 0.75) });
  assertEquals(arrays.get("labels"), { shape: [2, 1], data: Float32Array.of(3, -1) });
  assertEquals(arrays.get("metadata"), { shape: [2], data: Float32Array.of(123, 125) });
});

Deno.test("compressed members are read too", async () => {
  const npy = encodeNpy(ndArray(new Float32Array(5000).fill(7), [50, 100]));
  const arrays = await readNpz(zipSync({ "flat.npy": [npy, { level: 9 }] }) as Uint8Array<ArrayBuffer>);
  assertEquals(arrays.get("flat"), { shape: [50, 100], data: new Float32Array(5000).fill(7) });
});

Deno.test("what is no archive is refused", async () => {
  for (const bytes of [new Uint8Array(), strToU8("not a zip"), new Uint8Array(100)]) {
    await readNpz(bytes as Uint8Array<ArrayBuffer>).then(
      () => assert.fail("nothing was thrown"),
      (error: Error) => assertEquals(error.message, "The answer is not an NPZ archive"),
    );
  }
});

Deno.test("a saved NPY is read by the service's own reader", async () => {
  for (const shape of [[3], [2, 3], [1, 2, 3]]) {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i / 3);
    const blob = writeNpy({ shape, data });
    const read = decodeNpy(new Uint8Array(await blob.arrayBuffer()));
    assertEquals([[...read.shape], read.data], [shape, data]);
  }
});
