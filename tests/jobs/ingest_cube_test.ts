import fc from "fast-check";
import { ndArray } from "../../lib/base/nd_array.ts";
import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { encodeNpz } from "../../lib/formats/numpy/npz.ts";
import { ingestCube } from "../../lib/jobs/ingest/ingest_cube.ts";
import { ingestMap } from "../../lib/jobs/ingest/ingest_map.ts";
import type { IngestedCube, IngestOptions } from "../../lib/schemas/cube.ts";
import { openCubeFile } from "../../lib/store/cube_files/cube_file.ts";
import type { CubeReader } from "../../lib/cube/cube.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { testWithShared } from "../support/shared.ts";

async function inFolder<T>(bytes: Uint8Array, use: (file: string, folder: string) => Promise<T>): Promise<T> {
  const base = await Deno.makeTempDir();
  try {
    const [file, folder] = [`${base}/upload`, `${base}/cube`];
    await Deno.writeFile(file, bytes);
    await Deno.mkdir(folder);
    return await use(file, folder);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
}

function ingest<T>(
  bytes: Uint8Array,
  use: (cube: CubeReader, meta: IngestedCube) => T,
  options: Partial<IngestOptions> = {},
): Promise<T> {
  return inFolder(bytes, async (file, folder) => {
    const meta = await ingestCube({ file, folder, options: { repair: "robust", ...options } });
    const cube = openCubeFile(folder);
    try {
      return use(cube, meta);
    } finally {
      cube.close();
    }
  });
}

const golden: Record<string, { failed: number[] }> = JSON.parse(
  Deno.readTextFileSync(new URL("../golden/formats.json", import.meta.url)),
);

function smooth(rows: number, cols: number, points: number): Float64Array {
  return Float64Array.from({ length: rows * cols * points }, (_, i) => {
    const [row, col, s] = [Math.floor(i / (cols * points)), Math.floor(i / points) % cols, i % points];
    return Math.sin(row * 0.3 + col * 0.5) + 0.1 * s + 0.01 * Math.cos(7 * i);
  });
}

Deno.test("what is stored equals what was uploaded, for every shape", async () => {
  const shapes = fc.tuple(
    fc.integer({ min: 2, max: 20 }),
    fc.integer({ min: 2, max: 20 }),
    fc.integer({ min: 4, max: 9 }),
  );
  await fc.assert(
    fc.asyncProperty(shapes, async (shape) => {
      const values = smooth(...shape);
      await ingest(encodeNpy(ndArray(values, shape)), (cube, meta) => {
        assertEquals(meta.shape, shape);
        const block = cube.readBlock({ row: 0, col: 0, rows: shape[0], cols: shape[1] });
        assertEquals([...block], [...Float32Array.from(values)]);
        assertEquals(meta.health, { nan: 0, outliers: 0, failedPixels: 0, repaired: 0 });
      });
    }),
    { numRuns: 20 },
  );
});

Deno.test("outliers and missing values are replaced from their neighbours, counted, and the mask is kept", async () => {
  const [rows, cols, points] = [12, 10, 6];
  const clean = smooth(rows, cols, points);
  const values = clean.slice();
  values[(3 * cols + 4) * points + 2] = 1000;
  values[(7 * cols + 1) * points + 5] = NaN;
  for (let s = 0; s < points; s++) values[(9 * cols + 9) * points + s] = -Infinity;
  await ingest(encodeNpy(ndArray(values, [rows, cols, points])), (cube, meta) => {
    assertEquals(meta.health, { nan: 1 + points, outliers: 1, failedPixels: 1, repaired: 2 + points });
    assert.ok(meta.notes.some((note) => note.endsWith("filled from their neighbours: (9, 9)")), meta.notes.join());
    assertClose([cube.readSpectrum(3, 4)[2]], [clean[(3 * cols + 4) * points + 2]], 1);
    assertClose(cube.readSpectrum(9, 9), clean.subarray((9 * cols + 9) * points, (9 * cols + 10) * points), 1);
    const mask = cube.readMask({ row: 0, col: 0, rows, cols });
    assertEquals(mask.reduce((sum, mark) => sum + mark, 0), 2 + points);
    assertEquals(mask[(3 * cols + 4) * points + 2], 1);
  });
  await ingest(encodeNpy(ndArray(values, [rows, cols, points])), (cube, meta) => {
    assertEquals(meta.health.repaired, 1 + points);
    assertEquals(cube.readSpectrum(3, 4)[2], 1000);
    assert.ok(Number.isFinite(cube.readSpectrum(7, 1)[5]));
  }, { repair: "off" });
});

Deno.test("a bright count is an event and kept, unless repair is asked for", async () => {
  const [rows, cols, points] = [12, 10, 6];
  const counts = Float64Array.from({ length: rows * cols * points }, (_, i) => (7 * i) % 5);
  const bright = (3 * cols + 4) * points + 2;
  counts[bright] = 5000;
  const bytes = encodeNpy(ndArray(counts, [rows, cols, points]));
  await ingest(bytes, (cube, meta) => {
    assertEquals(meta.health, { nan: 0, outliers: 0, failedPixels: 0, repaired: 0 });
    assertEquals(cube.readSpectrum(3, 4)[2], 5000);
    assert.ok(meta.notes.some((note) => note.startsWith("Values are counts")), meta.notes.join());
  }, { repair: undefined });
  await ingest(bytes, (cube, meta) => {
    assertEquals(meta.health.outliers, 1);
    assert.ok(cube.readSpectrum(3, 4)[2] < 5);
  }, { repair: "robust" });
  // One value below zero, or between integers: a signal, of which outliers are faults.
  for (const value of [-1, 0.5]) {
    const signal = counts.slice();
    signal[0] = value;
    await ingest(encodeNpy(ndArray(signal, [rows, cols, points])), (cube, meta) => {
      assertEquals(meta.health.outliers, 1);
      assert.ok(cube.readSpectrum(3, 4)[2] < 5);
    }, { repair: undefined });
  }
});

Deno.test("a step without one good value takes the nearest step that has", async () => {
  const [rows, cols, points] = [5, 4, 6];
  const values = smooth(rows, cols, points);
  for (let pixel = 0; pixel < rows * cols; pixel++) for (const s of [0, 1, 3]) values[pixel * points + s] = NaN;
  await ingest(encodeNpy(ndArray(values, [rows, cols, points])), (cube, meta) => {
    assertEquals(meta.health.nan, 3 * rows * cols);
    assertEquals(cube.readMap(0), cube.readMap(2));
    assertEquals(cube.readMap(1), cube.readMap(2));
    assertEquals(cube.readMap(3), cube.readMap(2));
    assertEquals([...cube.readMask({ row: 0, col: 0, rows: 1, cols: 1 })], [1, 1, 0, 1, 0, 0]);
  });
});

Deno.test("a cube of nothing is refused and leaves nothing behind", async () => {
  const bytes = encodeNpy(ndArray(new Float64Array(60).fill(NaN), [3, 4, 5]));
  await inFolder(bytes, async (file, folder) => {
    const error = await assertFailsWith("no_values", () => ingestCube({ file, folder, options: { repair: "robust" } }));
    assert.match(error.message, /Of 60 values, 0 are finite/);
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("images beside a cube become channels, other arrays choices", async () => {
  const arrays = {
    spectra: ndArray(smooth(5, 4, 6), [5, 4, 6]),
    other: ndArray(smooth(3, 3, 4), [3, 3, 4]),
    topography: ndArray(Float64Array.from({ length: 20 }, (_, i) => i), [5, 4]),
    photo: ndArray(new Float64Array(9), [3, 3]),
  };
  await ingest(encodeNpz(arrays), (cube, meta) => {
    assertEquals([meta.format, meta.dataset], ["npz", "spectra"]);
    assertEquals(cube.imageNames, ["topography"]);
    assertEquals(cube.readImage("topography")?.values_HW[19], 19);
    assertEquals(meta.choices.map(({ dataset, reason }) => [dataset, typeof reason]), [["other", "string"]]);
  });
  await ingest(encodeNpz(arrays), (_, meta) => assertEquals(meta.shape, [3, 3, 4]), { dataset: "other" });
});

Deno.test("one image of the right grid is read from a file of its own", async () => {
  const image = Float32Array.from({ length: 20 }, (_, i) => i * 0.5);
  const bytes = encodeNpy(ndArray(image, [5, 4]));
  await inFolder(bytes, async (file, folder) => {
    await ingestMap({ file, folder, map: { name: "height", rows: 5, cols: 4 } });
    const reader = openCubeFile(folder);
    assertEquals(reader.imageNames, ["height"]);
    assertEquals(reader.readImage("height")?.values_HW, image);
    reader.close();
  });
  await inFolder(bytes, async (file, folder) => {
    const wrong = { file, folder, map: { rows: 4, cols: 5 } };
    const error = await assertFailsWith("grid_mismatch", () => ingestMap(wrong));
    assert.match(error.message, /\(5 x 4\); expected an image of 4 x 5/);
  });
});

testWithShared("the failed fits of the USID file are the failed pixels of the cube", async (shared) => {
  const bytes = Deno.readFileSync(new URL("data/usid_beps_sho.h5", shared));
  await ingest(bytes, (cube, meta) => {
    const note = meta.notes.find((text) => text.startsWith("Pixels without a usable value")) ?? "";
    const listed = [...note.matchAll(/\((\d+), (\d+)\)/g)].map(([, row, col]) => Number(row) * 50 + Number(col));
    assertEquals(listed, golden["usid_beps_sho.h5"].failed);
    for (const pixel of listed) {
      const place = `(${Math.floor(pixel / 50)}, ${pixel % 50})`;
      const mask = cube.readMask({ row: Math.floor(pixel / 50), col: pixel % 50, rows: 1, cols: 1 });
      assert.ok(mask.every((mark) => mark === 1), `pixel ${place} is replaced`);
    }
    assertEquals(meta.health.nan, 2 * 64);
    assert.ok(meta.health.failedPixels >= 13);
    assertEquals(cube.imageNames, ["R2 Criterion", "Quality Factor", "Frequency"]);
    const largest = cube.readMap(20).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    assert.ok(largest < 1e-3, `clean loops are some 5e-5, the largest repaired value is ${largest}`);
  });
});

Deno.test("preparation steps are done once, recorded, and keep mask and images", async () => {
  const [rows, cols, points] = [6, 5, 8];
  const values = smooth(rows, cols, points);
  values[(2 * cols + 3) * points + 5] = NaN;
  const topography = ndArray(Float64Array.from({ length: rows * cols }, (_, i) => i), [rows, cols]);
  const bytes = encodeNpz({ spectra: ndArray(values, [rows, cols, points]), topography });
  const prepare = [
    { step: "crop" as const, parameters: { row: 1, col: 2, rows: 4, cols: 3 } },
    { step: "spectralRange" as const, parameters: { from: 3, to: 6, every: 1 } },
  ];
  await ingest(bytes, (cube, meta) => {
    assertEquals([...cube.shape], [4, 3, 4]);
    assertEquals(meta.axes.spectral.values, [3, 4, 5, 6]);
    assertEquals(meta.provenance, prepare);
    const start = (1 * cols + 2) * points + 3;
    assertEquals([...cube.readSpectrum(0, 0)], [...Float32Array.from(values.subarray(start, start + 4))]);
    assertEquals([...cube.readMask({ row: 1, col: 1, rows: 1, cols: 1 })], [0, 0, 1, 0]);
    assertEquals(cube.readImage("topography")?.values_HW[0], 7);
  }, { prepare });
  await inFolder(bytes, async (file, folder) => {
    const outside = [{ step: "crop" as const, parameters: { row: 1, col: 2, rows: 40, cols: 3 } }];
    await assertFailsWith(
      "region_outside",
      () => ingestCube({ file, folder, options: { repair: "robust", prepare: outside } }),
    );
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("in a large map one outlier and one missing value are found among many good ones", async () => {
  const [rows, cols, points] = [150, 140, 4];
  const values = smooth(rows, cols, points);
  values[(31 * cols + 77) * points + 1] = 1000;
  values[(149 * cols + 139) * points + 2] = NaN;
  await ingest(encodeNpy(ndArray(values, [rows, cols, points])), (cube, meta) => {
    assertEquals(meta.health, { nan: 1, outliers: 1, failedPixels: 0, repaired: 2 });
    const mask = cube.readMask({ row: 0, col: 0, rows, cols });
    assertEquals([mask.reduce((sum, mark) => sum + mark, 0), mask[(31 * cols + 77) * points + 1]], [2, 1]);
    assertEquals(cube.readMap(0), Float32Array.from({ length: rows * cols }, (_, i) => values[i * points]));
  });
});
