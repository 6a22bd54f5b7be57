import { ndArray, type ResultTree } from "../../lib/base/nd_array.ts";
import type { ResultOrigin } from "../../lib/formats/hdf5/writer/result_plan.ts";
import { renderResult } from "../../routes/response/render_result.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { runPython, testWithPython } from "../support/python.ts";
import { testApp } from "./support/test_app.ts";

const MAP = ndArray(Float32Array.of(0.1, NaN, 3, 4, 5, 6), [2, 3]);
const LOOPS: ResultTree = {
  axis: { name: "bias", unit: "V", values: [0, 1, 2, 3] },
  units: { area: "V pm", "width": "V" },
  area: MAP,
  fit: { width: ndArray(Float64Array.of(1, 2, 3, 4, 5, 6), [2, 3]) },
  curves: ndArray(new Float32Array(24), [2, 3, 4]),
  converged: true,
  points: [{ row: 1, col: 2, score: 0.5 }, { row: 0, col: 1, score: 0.25 }],
  components: [{ mean: MAP, label: "a" }, { mean: MAP, label: "b" }],
  names: ["x", "y"],
  none: null,
};
const axis = (length: number) => ({ name: "y", unit: "nm", values: Array.from({ length }, (_, i) => 2 * i) });
const ORIGIN: ResultOrigin = {
  attributes: { model: "film", version: 3, cube: "cube_1", parameters: "{}" },
  axes: { row: axis(2), col: axis(3), spectral: axis(4) },
};

const H5PY = `
import sys, json, h5py
f = h5py.File(sys.argv[1])
s = lambda d: [d.dims[k].label for k in range(d.ndim)]
print(json.dumps({
  "root": {k: (v if isinstance(v, (str, bool)) else int(v) if hasattr(v, "dtype") else v) for k, v in f.attrs.items()},
  "area": [float(f["area"][1, 2]), f["area"].attrs["units"], s(f["area"])],
  "components": [f["components/1"].attrs["label"], float(f["components/1/mean"][1, 2])],
  "width": f["fit/width"][:].tolist(), "curves": s(f["curves"]), "bias": f["axis/values"][:].tolist(),
  "points": {k: v[:].tolist() for k, v in f["points"].items()}, "rows": f["axes/row"][:].tolist(), "unit": f["axes/row"].attrs["units"],
}))`;

testWithPython("a result as HDF5: groups, scales, units, and where it is from", ["h5py"], async (python) => {
  const response = renderResult("application/x-hdf5", LOOPS, { origin: ORIGIN });
  const bytes = await response.bytes();
  assertEquals(response.headers.get("content-length"), String(bytes.length));
  const file = await Deno.makeTempFile({ suffix: ".h5" });
  await Deno.writeFile(file, bytes);
  assertEquals(JSON.parse(await runPython(python, H5PY, file)), {
    root: { ...ORIGIN.attributes, converged: 1, names: '["x","y"]' },
    components: ["b", 6],
    area: [6, "V pm", ["row", "col"]],
    width: [[1, 2, 3], [4, 5, 6]],
    curves: ["row", "col", "spectral"],
    bias: [0, 1, 2, 3],
    points: { row: [1, 0], col: [2, 1], score: [0.5, 0.25] },
    rows: [0, 2],
    unit: "nm",
  });
  await Deno.remove(file);
});

const csv = async (value: ResultTree) =>
  (await renderResult("text/csv", value, { origin: ORIGIN }).text()).split("\r\n");

Deno.test("CSV of a spectrum, of points, of maps", async () => {
  const spectrum = { axis: { name: "bias", unit: "V", values: [0, 1.5] }, quantity: "=a,b", unit: "" };
  assertEquals(await csv({ ...spectrum, values: ndArray(Float32Array.of(0.1, NaN), [2]), row: 1 }), [
    'bias (V),"\'=a,b"',
    "0,0.100000001",
    "1.5,",
    "",
  ]);
  assertEquals(await csv({ by: "error", points: [{ row: 1, col: 2, score: 0.5 }], scores: MAP }), [
    "row,col,score",
    "1,2,0.5",
    "",
  ]);
  const [measured, predicted] = [ndArray(Float32Array.of(1, 2), [2]), ndArray(Float32Array.of(3, 4), [2])];
  assertEquals(await csv({ ...spectrum, measured, predicted, patch: MAP }), [
    "bias (V),measured,predicted",
    "0,1,3",
    "1.5,2,4",
    "",
  ]);
  const { points: _, components: __, ...maps } = LOOPS as Record<string, ResultTree>;
  assertEquals((await csv(maps)).slice(0, 4), [
    "row,col,area (V pm),fit.width (V)",
    "0,0,0.100000001,1",
    "0,1,,2",
    "0,2,3,3",
  ]);
  const many = await csv({ points: Array.from({ length: 2000 }, (_, i) => ({ i })) });
  assertEquals([many.length, many[2000]], [2002, "1999"]);
});

Deno.test("what is no table is refused as CSV", async () => {
  const app = testApp();
  const npy = { method: "POST", body: await renderResult("application/x-npy", CUBE).bytes() };
  const { id } = await (await app.request("/v1/cubes", npy)).json();
  const asked = { headers: { Accept: "text/csv" } };
  assertEquals((await app.problem(406, `/v1/cubes/${id}/pca?components=1`, asked)).code, "not_a_table");
  const map = await app.request(`/v1/cubes/${id}/map?index=0`, asked);
  assertEquals(map.headers.get("content-type"), "text/csv; charset=utf-8");
  assert.match(await map.text(), /^row,col,values/);
});

const CUBE = ndArray(Float32Array.from({ length: 24 }, (_, i) => i), [2, 3, 4]);
