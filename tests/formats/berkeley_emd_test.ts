import { assertEquals } from "../support/assert.ts";
import { runPython, testWithPython } from "../support/python.ts";
import { readCube, withFile } from "./support/with_file.ts";

const WRITE = `
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "w") as f:
    g = f.create_group("data/map"); g.attrs["emd_group_type"] = 1
    g["data"] = np.arange(120.0).reshape(6, 4, 5)
    for i, (name, unit, values) in enumerate((("Energy", "[eV]", 350 + np.arange(6) / 2), ("Y", "[n_m]", np.arange(4.0)), ("X", "[n_m]", np.arange(5.0) * 2))):
        d = g.create_dataset(f"dim{i + 1}", data=values); d.attrs["name"] = name; d.attrs["units"] = unit`;

testWithPython("a Berkeley EMD file: values, and axes from its dimension vectors", ["h5py"], async (python) => {
  await withFile(new Uint8Array(0), async (path) => {
    await runPython(python, WRITE, path);
    const { format, shape, values, axes } = await readCube(await Deno.readFile(path));
    assertEquals([format, shape], ["emd", [4, 5, 6]]);
    assertEquals(values, Array.from({ length: 120 }, (_, i) => (i % 6) * 20 + Math.floor(i / 6)));
    assertEquals([axes.spectral.name, axes.spectral.unit, axes.col.unit], ["Energy", "eV", "nm"]);
    assertEquals(axes.spectral.values, [350, 350.5, 351, 351.5, 352, 352.5]);
    assertEquals(axes.col.values, [0, 2, 4, 6, 8]);
  });
});

const WRITE_10 = `
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "w") as f:
    g = f.create_group("root/map"); g.attrs["emd_group_type"] = "array"
    g["values"] = np.arange(120.0).reshape(4, 5, 6)
    for i, (name, unit, values) in enumerate((("y", "nm", [0, 3]), ("x", "nm", [0, 2]), ("bias", "V", [-1, -0.5]))):
        d = g.create_dataset(f"dim{i}", data=np.array(values)); d.attrs["name"] = name; d.attrs["units"] = unit`;

testWithPython("EMD 1.0: dimensions from 0 on, given by their first two values", ["h5py"], async (python) => {
  await withFile(new Uint8Array(0), async (path) => {
    await runPython(python, WRITE_10, path);
    const { format, values, axes } = await readCube(await Deno.readFile(path));
    assertEquals([format, values], ["emd", Array.from({ length: 120 }, (_, i) => i)]);
    assertEquals([axes.spectral.name, axes.spectral.unit], ["bias", "V"]);
    assertEquals([axes.spectral.values, axes.row.values], [[-1, -0.5, 0, 0.5, 1, 1.5], [0, 3, 6, 9]]);
  });
});
