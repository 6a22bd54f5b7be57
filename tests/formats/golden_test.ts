import type { CubeSelection, CubeView } from "../../lib/formats/cube_source.ts";
import { openSource } from "../../lib/formats/registry.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { testWithShared } from "../support/shared.ts";

interface GoldenCube {
  format: string;
  dataset: string;
  shape: [number, number, number];
  axes: { name: string; unit: string; length: number; first: number; second: number; last: number }[];
  quantity: string;
  unit: string;
  places: [number, number, number][];
  values: number[];
  sum: number;
  sumAbs: number;
  finite: number;
  maps: { name: string; unit: string; values: number[][] }[];
  failed?: number[];
  phase?: number[];
}

const golden: Record<string, GoldenCube> = JSON.parse(
  Deno.readTextFileSync(new URL("../golden/formats.json", import.meta.url)),
);
/** Axes are compared to what NumPy computes from the same float32 or float64 numbers. */
const AXIS_TOLERANCE = 1e-9;

async function withCube<T>(path: URL, use: (view: CubeView) => T, selection?: string | CubeSelection): Promise<T> {
  const source = await openSource(path.pathname);
  try {
    return use(source.open(typeof selection === "string" ? { channel: selection } : selection));
  } finally {
    source.close();
  }
}

function readAll(view: CubeView): Float64Array {
  const [rows, cols, points] = view.shape;
  const all = new Float64Array(rows * cols * points);
  for (let row = 0; row < rows; row += view.slabRows) {
    all.set(view.readRows(row, Math.min(view.slabRows, rows - row)), row * cols * points);
  }
  return all;
}

for (const [file, expected] of Object.entries(golden)) {
  testWithShared(`${file} is what h5py and NumPy read`, async (shared) => {
    const dataset = file === "ckpfm_sho.npz" ? expected.dataset : undefined;
    await withCube(new URL(`data/${file}`, shared), (view) => {
      assertEquals([view.format, view.dataset, [...view.shape]], [expected.format, expected.dataset, expected.shape]);
      checkAxes(view, expected);
      assertEquals([view.quantity, view.unit], [expected.quantity, expected.unit]);
      checkValues(view, expected);
      for (const map of expected.maps) checkMap(view, map);
    }, { dataset });
  });
}

testWithShared("a fit in a structured array becomes piezoresponse", async (shared) => {
  const { places, values, phase } = golden["ckpfm_sho.npz"];
  await withCube(new URL("data/ckpfm_sho.npz", shared), (view) => {
    assertEquals([view.dataset, view.quantity, view.unit], ["Nd_mat", "Piezoresponse", "V"]);
    assertEquals(view.maps().map((map) => map.name), ["R2 Criterion", "Quality Factor", "Frequency"]);
    const all = readAll(view);
    const met = places.map(([row, col, point]) => all[(row * 10 + col) * 64 + point]);
    const wanted = values.map((amplitude, i) => amplitude * Math.cos(phase![i] - 0.25));
    assertClose(met, wanted, 1e-6 * Math.max(...values));
  }, "phase:0.25");
});

function checkAxes(view: CubeView, expected: GoldenCube): void {
  [view.axes.row, view.axes.col, view.axes.spectral].forEach((axis, i) => {
    const { name, unit, length, first, second, last } = expected.axes[i];
    assertEquals([axis.name, axis.unit, axis.values.length], [name, unit, length]);
    const largest = Math.max(Math.abs(first), Math.abs(last));
    const met = [axis.values[0], axis.values[1], axis.values.at(-1)!];
    assertClose(met, [first, second, last], AXIS_TOLERANCE * largest, `axis ${name}`);
  });
}

function checkValues(view: CubeView, expected: GoldenCube): void {
  const [, cols, points] = view.shape;
  const all = readAll(view);
  // The sign of a piezoresponse is a convention; everything else must agree as it is.
  const met = expected.places.map(([row, col, point]) => all[(row * cols + col) * points + point]);
  const sign = view.quantity === "Piezoresponse" && met[0] * expected.values[0] < 0 ? -1 : 1;
  const scale = expected.sumAbs / expected.finite;
  assertClose(met.map((value) => sign * value), expected.values, 1e-6 * scale, "values");
  const finite = all.filter(Number.isFinite);
  assertEquals(finite.length, expected.finite);
  const sum = sign * finite.reduce((total, value) => total + value, 0);
  assert.ok(Math.abs(sum - expected.sum) <= 1e-6 * expected.sumAbs, `sum: met ${sum}; expected ${expected.sum}`);
}

function checkMap(view: CubeView, { name, unit, values }: GoldenCube["maps"][number]): void {
  const map = view.maps().find((met) => met.name === name);
  assert.ok(map, `map ${name} is missing`);
  assertEquals([map.unit, map.values_HW.length], [unit, view.shape[0] * view.shape[1]]);
  values.forEach((row, i) => {
    const start = i * view.shape[1];
    assertClose(map.values_HW.subarray(start, start + row.length), row, 1e-6 * Math.abs(row[0]), `map ${name}`);
  });
}

testWithShared("the USID file gives the NSID cube back, but for its failed pixels, which it lists", async (shared) => {
  const nsid = await withCube(new URL("data/pto_beps_nsid.h5", shared), readAll);
  await withCube(new URL("data/usid_beps_sho.h5", shared), (view) => {
    const usid = readAll(view);
    const failed_HWS = view.readFailed!(0, 50);
    const failed = new Set<number>();
    failed_HWS.forEach((mark, i) => mark && failed.add(Math.floor(i / 64)));
    assertEquals([...failed], golden["usid_beps_sho.h5"].failed);
    assertEquals(failed.size, 13);
    const magnitude = nsid.map(Math.abs).sort()[Math.floor(0.99 * nsid.length)];
    const sign = Math.sign(usid[0] * nsid[0]);
    nsid.forEach((value, i) => {
      if (failed.has(Math.floor(i / 64))) return;
      // Amplitudes are stored as float32: values far out have their own rounding.
      const tolerance = 1e-6 * Math.max(magnitude, Math.abs(value));
      assert.ok(Math.abs(sign * usid[i] - value) <= tolerance, `value ${i}: met ${usid[i]}; expected ${value}`);
    });
  });
});

testWithShared("in-field steps, one field of the fit and a given phase are chosen by channel", async (shared) => {
  const file = new URL("data/usid_beps_sho.h5", shared);
  const out = await withCube(file, readAll);
  const inField = await withCube(file, readAll, "field:in");
  // As the file was made: 0.6 of the out-of-field response plus an electrostatic slope of 2e-6 per volt.
  assertClose([Math.abs(inField[0] / out[0])], [0.6], 1e-3);
  const flipped = await withCube(file, readAll, `phase:${0.8 - Math.PI}`);
  assertClose(flipped.subarray(0, 640), out.subarray(0, 640).map((value) => -value), 1e-9);
  await withCube(file, (view) => {
    assertEquals([view.quantity, view.unit], ["Frequency", "Hz"]);
    assert.ok(Math.abs(view.readRows(0, 1)[0] - 3.4e5) < 5000);
  }, "value:frequency");
  await assertFailsWith("channel_unknown", () => withCube(file, readAll, "bogus:1"));
  await assertFailsWith("channel_unknown", () => withCube(file, readAll, "value:colour"));
});

testWithShared("the cycle is chosen by channel, the last by default", async (shared) => {
  const file = new URL("data/usid_small.h5", shared);
  const [first, last, byDefault] = [
    await withCube(file, readAll, "cycle:0"),
    await withCube(file, readAll, "Cycle:1"),
    await withCube(file, readAll),
  ];
  assertEquals(last, byDefault);
  assert.notDeepEqual(first, last);
  await assertFailsWith("channel_index", () => withCube(file, readAll, "cycle:2"));
});

const NOT_CUBES: Record<string, { code: string; says: RegExp }> = {
  "usid_sfpfm.h5": { code: "no_cube", says: /USID.*HeightRetrace\), an image of 128 x 128/ },
  "usid_force_curve.h5": { code: "no_cube", says: /USID.*a curve of 2045 points/ },
  "pto_image_nsid.h5": { code: "no_cube", says: /NSID.*HeightRetrace\), an image of 256 x 256/ },
  "nsid_zero_scales.h5": { code: "no_cube", says: /NSID.*an image of 2 x 3/ },
  "sts_single.nxs": { code: "no_cube", says: /NeXus.*a curve of 2048 points/ },
  "fortran_order.npy": { code: "cube_needed", says: /an image of 128 x 128; expected three axes/ },
  "PROVENANCE.md": { code: "unknown_format", says: /text.*expected HDF5.*numpy\.save/ },
  "make_usid_beps.py": { code: "unknown_format", says: /text.*expected HDF5/ },
};

for (const [file, { code, says }] of Object.entries(NOT_CUBES)) {
  testWithShared(`${file} is no cube and is told what it is`, async (shared) => {
    const error = await assertFailsWith(code, () => withCube(new URL(`data/${file}`, shared), readAll));
    assertEquals((error as unknown as { kind: string }).kind, "unprocessable");
    assert.match(error.message, says);
  });
}

const VELOX = "EMDReader_SpectrumImage_Si.emd";

testWithShared(
  "the X-ray events of a Velox EMD are counted into a cube, its frames summed into an image",
  async (shared) => {
    await withCube(new URL(`data/${VELOX}`, shared), (view) => {
      assertEquals([view.format, [...view.shape], view.unit], ["velox-emd", [16, 16, 4096], "counts"]);
      const counts = readAll(view);
      const spectrum = counts.subarray((3 * 16 + 5) * 4096, (3 * 16 + 6) * 4096);
      const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
      assertEquals([sum(counts), sum(spectrum)], [6564, 28]);
      const { row, col, spectral } = view.axes;
      assertEquals([spectral.unit, spectral.values[0], spectral.values[100]], ["keV", -1, 0]);
      for (const { unit, values } of [row, col]) {
        assertEquals(unit, "m");
        assert.ok(Math.abs(values[1] - 5.3024e-9) < 1e-13, `a pixel has ${values[1]} m`);
      }
      assertEquals(view.maps().map(({ name, values_HW }) => [name, values_HW.length]), [["HAADF", 256]]);
    });
  },
);

testWithShared("every file of the folder is either a cube above or refused above", (shared) => {
  const files = [...Deno.readDirSync(new URL("data/", shared))].map(({ name }) => name).sort();
  assertEquals(files, [...Object.keys(golden), ...Object.keys(NOT_CUBES), VELOX].sort());
});
