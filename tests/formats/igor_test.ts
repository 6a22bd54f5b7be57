import { openSource } from "../../lib/formats/registry.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { runPython, testWithPython } from "../support/python.ts";
import { fuzzReader } from "./support/fuzz_reader.ts";
import { readCube, withFile } from "./support/with_file.ts";
import { type IgorMade, sealIgor, writeIgor } from "./support/write_igor.ts";

const [ROWS, COLS, POINTS] = [4, 5, 6];
const valueAt = (row: number, col: number, step: number) => 20 * row + 3 * col + step - 9;
/** Rows x cols x points. */
const CUBE = Array.from({ length: ROWS * COLS * POINTS }, (_, i) => {
  return valueAt(Math.floor(i / COLS / POINTS), Math.floor(i / POINTS) % COLS, i % POINTS);
});
/** As Igor stores (x, y, layer): x closest. */
const STORED = Array.from({ length: ROWS * COLS * POINTS }, (_, i) => {
  return valueAt(Math.floor(i / COLS) % ROWS, i % COLS, Math.floor(i / COLS / ROWS));
});
const DIMS: IgorMade["dims"] = [
  { length: COLS, step: 2e-9, unit: "m" },
  { length: ROWS, step: 3e-9, offset: 1e-6, unit: "m" },
  { length: POINTS, step: 0.5, offset: -1, unit: "V" },
];
const MAP: IgorMade = { name: "dIdV", dims: DIMS, values: STORED, unit: "A" };

for (const little of [true, false]) {
  for (const [type, code] of Object.entries({ float32: 2, float64: 4, int8: 8, int16: 0x10, int32: 0x20 })) {
    Deno.test(`an Igor wave of ${type}, ${little ? "little" : "big"} endian: layers are the spectrum, scaled`, async () => {
      const cube = await readCube(writeIgor({ ...MAP, little, code }));
      assertEquals([cube.format, cube.dataset, cube.shape], ["igor", "dIdV", [ROWS, COLS, POINTS]]);
      assertEquals(cube.values, CUBE);
      assertEquals([cube.quantity, cube.unit], ["dIdV", "A"]);
      const { row, col, spectral } = cube.axes;
      assertEquals([row.name, col.name, row.unit, col.unit, spectral.unit], ["y", "x", "m", "m", "V"]);
      assertClose(spectral.values, [-1, -0.5, 0, 0.5, 1, 1.5], 1e-12, "bias");
      assertClose([row.values[1], col.values[1]], [1e-6 + 3e-9, 2e-9], 1e-18, "steps");
    });
  }
}

Deno.test("long units, labels of dimensions, unsigned values and lines of an Asylum note", async () => {
  const dims = [DIMS[0], DIMS[1], { ...DIMS[2], unit: "meV per step", label: "Energy" }];
  const values = STORED.map((value) => value + 40);
  const note = "ImagingMode: PFM Mode\rScanSize: 1e-6\r";
  const cube = await readCube(writeIgor({ ...MAP, dims, values, note, code: 0x50, name: "wave0", unit: "counts" }));
  assertEquals(cube.values, CUBE.map((value) => value + 40));
  assertEquals([cube.quantity, cube.unit], ["", "counts"]);
  assertEquals([cube.axes.spectral.name, cube.axes.spectral.unit], ["Energy", "meV per step"]);
  assert.ok(cube.notes.includes("ImagingMode: PFM Mode"));
});

Deno.test("the bias as the first dimension is the spectrum by its unit", async () => {
  const dims = [DIMS[2], DIMS[0], DIMS[1]];
  const cube = await readCube(writeIgor({ ...MAP, dims, values: CUBE }));
  assertEquals([cube.shape, cube.values, cube.axes.spectral.unit], [[ROWS, COLS, POINTS], CUBE, "V"]);
});

Deno.test("complex values are read by their parts", async () => {
  const values = STORED.flatMap((value) => [3 * Math.abs(value), -4 * Math.abs(value)]);
  const bytes = writeIgor({ ...MAP, values, code: 3 });
  assertClose((await readCube(bytes)).values, CUBE.map((value) => 5 * Math.abs(value)), 1e-4);
  assertClose((await readCube(bytes, { complex: "imaginary" })).values, CUBE.map((x) => -4 * Math.abs(x)), 1e-4);
});

Deno.test("layers with labels are images, and a cube only where the wave is named", async () => {
  const elementLabels = ["HeightRetrace", "AmplitudeRetrace", "PhaseRetrace", "Frequency", "ZSensor", "UserIn"];
  const bytes = writeIgor({ ...MAP, name: "PTO0001", dims: [DIMS[0], DIMS[1], { length: POINTS, elementLabels }] });
  const error = await assertFailsWith("cube_needed", () => readCube(bytes));
  assert.match(error.message, /PTO0001, images of 4 x 5 \(HeightRetrace, AmplitudeRetrace/);
  assertEquals((await readCube(bytes, { dataset: "PTO0001" })).values, CUBE);
  await withFile(bytes, async (path) => {
    const source = await openSource(path);
    const [height, , phase] = source.images;
    assertEquals([height.dataset, height.rows, height.cols, height.unit], ["HeightRetrace", ROWS, COLS, "m"]);
    assertEquals(phase.unit, "deg");
    assertEquals([...phase.read()], CUBE.filter((_, i) => i % POINTS === 2));
    source.close();
  });
});

Deno.test("force curves, single curves, text, old versions and damage are refused in words", async () => {
  const elementLabels = ["Raw", "Defl", "ZSnsr"];
  const curve = writeIgor({ name: "Force1", dims: [{ length: 40 }, { length: 3, elementLabels }], values: STORED });
  assert.match(
    (await assertFailsWith("cube_needed", () => readCube(curve))).message,
    /Raw, Defl, ZSnsr\), a force curve/,
  );
  const single = writeIgor({ dims: [{ length: 120 }], values: STORED });
  assert.match((await assertFailsWith("cube_needed", () => readCube(single))).message, /one curve of 120 points/);
  const image = writeIgor({ dims: [{ length: 12 }, { length: 10 }], values: STORED });
  assert.match((await assertFailsWith("cube_needed", () => readCube(image))).message, /an image of 10 x 12/);
  const whole = writeIgor(MAP);
  const text = whole.slice();
  text[64 + 16] = 0;
  await assertFailsWith("igor_malformed", () => readCube(text));
  await assertFailsWith("not_numeric", () => readCube(sealIgor(text)));
  await assertFailsWith("file_truncated", () => readCube(whole.subarray(0, 600)));
  const many = whole.slice();
  new DataView(many.buffer).setInt32(64 + 68, 2 ** 30, true);
  await assertFailsWith("igor_malformed", () => readCube(sealIgor(many)));
  const old = new Uint8Array(200);
  new DataView(old.buffer).setInt16(0, 2, true);
  new DataView(old.buffer).setInt16(14, -2, true);
  assert.match((await assertFailsWith("cube_needed", () => readCube(old))).message, /version 2, one curve/);
});

Deno.test("1000 damaged Igor waves, their checksums made right again, are refused or read within their bounds", async () => {
  const labelled = { ...DIMS[2], elementLabels: ["a", "b", "c", "d", "e", "f"], label: "Bias" };
  const seeds = [
    writeIgor(MAP),
    writeIgor({ ...MAP, code: 4, note: "ImagingMode: x\r", dims: [DIMS[0], DIMS[1], { ...DIMS[2], label: "Bias" }] }),
    writeIgor({ ...MAP, code: 0x10, dims: [DIMS[0], DIMS[1], labelled] }),
  ];
  const { read, refused } = await fuzzReader(seeds, { seal: (bytes) => sealIgor(bytes, bytes[1] === 0) });
  assert.ok(read > 100 && Object.keys(refused).length > 3, JSON.stringify({ read, refused }));
});

const BY_IGOR2 = `
import sys, json, igor2.binarywave as b
w = b.load(sys.argv[1])["wave"]
h = w["wave_header"]
print(json.dumps({"shape": list(w["wData"].shape), "values": w["wData"].ravel().tolist(),
  "step": list(map(float, h["sfA"]))[:3], "offset": list(map(float, h["sfB"]))[:3],
  "unit": bytes(w["data_units"]).decode(), "units": [bytes(u).decode() for u in w["dimension_units"]]}))`;

testWithPython("igor2 reads the same values, scales and units", ["igor2"], async (python) => {
  for (const little of [true, false]) {
    const bytes = writeIgor({ ...MAP, code: 4, little, unit: "counts" });
    await withFile(bytes, async (path) => {
      const { shape, values, step, offset } = JSON.parse(await runPython(python, BY_IGOR2, path));
      assertEquals(shape, [COLS, ROWS, POINTS]);
      const cube = await readCube(bytes);
      const at = (row: number, col: number, k: number) => values[(col * ROWS + row) * POINTS + k];
      const theirs = CUBE.map((_, i) => at(Math.floor(i / COLS / POINTS), Math.floor(i / POINTS) % COLS, i % POINTS));
      assertEquals(cube.values, theirs);
      assertEquals([step, offset], [DIMS.map((dim) => dim.step), DIMS.map((dim) => dim.offset ?? 0)]);
    });
  }
});

const BY_IGORWRITER = `
import sys, numpy as np, igorwriter
v = np.arange(120.0).reshape(5, 4, 6)
w = igorwriter.IgorWave(v, name="map")
w.set_dimscale("x", 0, 2e-9, "m"); w.set_dimscale("y", 1e-6, 3e-9, "m"); w.set_dimscale("z", -1, 0.5, "V")
w.set_datascale("A")
w.save(sys.argv[1])`;

testWithPython(
  "a wave that igorwriter wrote is read with its values, scales and units",
  ["igorwriter"],
  async (python) => {
    await withFile(new Uint8Array(0), async (path) => {
      await runPython(python, BY_IGORWRITER, path);
      const { values, shape, axes, unit } = await readCube(await Deno.readFile(path));
      assertEquals([shape, unit, axes.spectral.unit], [[4, 5, 6], "A", "V"]);
      assertEquals(values, CUBE.map((_, i) => (Math.floor(i / 6) % 5) * 24 + Math.floor(i / 30) * 6 + i % 6));
      assertClose(axes.spectral.values, [-1, -0.5, 0, 0.5, 1, 1.5], 1e-12, "bias");
    });
  },
);
