import { assertEquals, assertFailsWith } from "../support/assert.ts";
import { runPython, testWithPython } from "../support/python.ts";
import { readCube } from "./support/with_file.ts";

const WRITE = `
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "w") as f:
    for m in range(2):
        for c in range(2):
            g = f.create_group(f"Measurement_00{m}/Channel_00{c}/Current")
            d = g.create_dataset("Current", data=np.arange(120.0).reshape(4, 5, 6) + 1000 * m + 100 * c)
            d.attrs.update(main_data_name="Current", quantity="Current", units="nA")
            for i, (name, unit, kind, n) in enumerate((("y", "nm", "SPATIAL", 4), ("x", "nm", "SPATIAL", 5), ("bias", "V", "SPECTRAL", 6))):
                s = g.create_dataset(name, data=np.arange(float(n))); s.make_scale(name)
                s.attrs.update(name=name, units=unit, dimension_type=kind); d.dims[i].attach_scale(s)`;

testWithPython("a word chooses among several measurements by a part of their paths", ["h5py"], async (python) => {
  const path = await Deno.makeTempFile({ suffix: ".h5" });
  await runPython(python, WRITE, path);
  const bytes = await Deno.readFile(path);
  await Deno.remove(path);
  const read = (channel?: string) => readCube(bytes, { channel });
  assertEquals([(await read()).values[0], (await read()).candidates.length], [0, 4]);
  assertEquals((await read("Channel_001")).values[0], 100);
  assertEquals((await read("measurement_001")).values[0], 1000);
  const { values, dataset, shape } = await read("Measurement_001/Channel_001,spectral:bias");
  assertEquals([values[0], dataset], [1100, "/Measurement_001/Channel_001/Current/Current"]);
  assertEquals(shape, [4, 5, 6]);
  await assertFailsWith("channel_unknown", () => read("Channel_00"));
});
