import { assert, assertEquals } from "../support/assert.ts";
import { testWithShared } from "../support/shared.ts";
import { fuzzReader } from "./support/fuzz_reader.ts";
import { readCube } from "./support/with_file.ts";

testWithShared(
  "fields of a MATLAB struct are named s.field; 1000 damaged copies are refused or read",
  async (shared) => {
    const bytes = await Deno.readFile(new URL("cases/struct.mat", shared));
    const cube = await readCube(bytes);
    assertEquals([cube.dataset, cube.candidates, cube.axes.spectral.name], ["s.loops", ["s.loops"], "V"]);
    assertEquals((await readCube(bytes, { dataset: "s.loops" })).values, cube.values);
    const { read, refused } = await fuzzReader([bytes]);
    assert.ok(read > 50 && Object.keys(refused).length > 2, JSON.stringify({ read, refused }));
  },
);
