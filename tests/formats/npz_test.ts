import { unzipSync } from "fflate";
import { ndArray } from "../../lib/base/nd_array.ts";
import { decodeNpy } from "../../lib/formats/numpy/npy.ts";
import { encodeNpz } from "../../lib/formats/numpy/npz.ts";
import { assert, assertEquals } from "../support/assert.ts";

Deno.test("arrays come back from an NPZ archive by name", () => {
  const arrays = {
    latents: ndArray(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]),
    "positions/row0": ndArray(Int32Array.of(-7), []),
  };
  const entries = unzipSync(encodeNpz(arrays));
  assertEquals(Object.keys(entries), ["latents.npy", "positions/row0.npy"]);
  for (const [name, array] of Object.entries(arrays)) assertEquals(decodeNpy(entries[`${name}.npy`]), array);
});

Deno.test("the same arrays give the same bytes", () => {
  const arrays = { a: ndArray(Float64Array.of(1, NaN), [2]) };
  assert.deepEqual(encodeNpz(arrays), encodeNpz(arrays));
});
