import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { writeNsid } from "../../lib/formats/hdf5/dialects/write_nsid.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("the same cube gives the same bytes at another time", async () => {
  const { cube } = simulateFilm({ rows: 6, cols: 7, points: 8 });
  const first = await writeNsid(cube);
  await new Promise((resolve) => setTimeout(resolve, 1100)); // HDF5's stamps count seconds
  assertEquals(await writeNsid(cube), first);
});
