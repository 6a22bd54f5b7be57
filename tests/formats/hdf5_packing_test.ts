import type { Dataset } from "h5wasm";
import { assertClose, assertEquals } from "../support/assert.ts";
import { hdf5Bytes } from "./support/hdf5_bytes.ts";
import { readCube } from "./support/with_file.ts";

const SHAPE = [3, 4, 5];
const STORED = Int16Array.from({ length: 60 }, (_, i) => i === 7 ? -32768 : 100 * i - 3000);

function fileWith(attributes: Record<string, number>) {
  return hdf5Bytes((file) => {
    const put = (name: string, data: Int16Array, shape: number[]) => {
      const dataset = file.create_dataset({ name, data, shape }) as Dataset;
      for (const [attribute, value] of Object.entries(attributes)) {
        const own = attribute.startsWith("_") ? Int16Array.of(value) : Float64Array.of(value);
        dataset.create_attribute(attribute, own, [1]);
      }
    };
    put("current", STORED, SHAPE);
    put("height", STORED.subarray(0, 12), [3, 4]);
  });
}

Deno.test("16-bit integers with scale and offset are the numbers that they stand for, in cube and image", async () => {
  const { values, maps, notes } = await readCube(
    await fileWith({ scale_factor: 0.5e-12, add_offset: 2e-9, _FillValue: -32768 }),
  );
  const wanted = Array.from(STORED, (stored, i) => i === 7 ? NaN : stored * 0.5e-12 + 2e-9);
  assertEquals(values.map(Number.isNaN), wanted.map(Number.isNaN));
  assertClose(values.filter(Number.isFinite), wanted.filter(Number.isFinite), 1e-20);
  assertClose(maps[0].values_HW.slice(8), wanted.slice(8, 12), 1e-15);
  assertEquals(notes, ["Values are stored packed: stored x 5e-13 + 2e-9, -32768 for none"]);
});

Deno.test("integers without such attributes are read as they are", async () => {
  const { values, notes } = await readCube(await fileWith({}));
  assertEquals([values, notes], [[...STORED], []]);
});
