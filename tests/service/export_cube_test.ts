import type { ByteSource } from "../../lib/base/byte_source.ts";
import { createScheduler } from "../../lib/base/scheduler.ts";
import { decodeNpy } from "../../lib/formats/numpy/npy.ts";
import { ingestCube } from "../../lib/jobs/ingest/ingest_cube.ts";
import type { CubeRecord } from "../../lib/schemas/cube.ts";
import { type CubeFormat, exportCube } from "../../lib/service/export_cube.ts";
import { createCubeFile, openCubeFile } from "../../lib/store/cube_files/cube_file.ts";
import type { CubeParts } from "../../lib/store/ports/cube_store.ts";
import { assertEquals } from "../support/assert.ts";
import { runPython, testWithPython } from "../support/python.ts";
import { describeCube } from "../support/stored_cube.ts";
import { temporaryStore } from "../support/temporary_store.ts";

const SHAPE: [number, number, number] = [37, 21, 5];
const VALUES = Float32Array.from({ length: 37 * 21 * 5 }, (_, i) => Math.sin(i) * (1 + i % 7));
const TOPOGRAPHY = { name: "topography/1", quantity: "height", unit: "nm", values_HW: VALUES.slice(0, 37 * 21) };
/** A sweep there and back, as of a hysteresis loop. */
const BIAS = { name: "bias", unit: "V", values: [0, 1.5, 3, 1.5, 0] };

/** A stored cube of several tiles, with one repaired value and a separate image. */
async function withCube(use: (record: CubeRecord, cube: CubeParts) => Promise<void>): Promise<void> {
  await using store = await temporaryStore();
  const description = describeCube(SHAPE);
  const about = { ...description, axes: { ...description.axes, spectral: BIAS } };
  const folder = await store.scratch.makeFolder("cube");
  const writer = createCubeFile(folder, SHAPE);
  for (let row = 0; row < 37; row += 16) {
    const rows = Math.min(16, 37 - row);
    writer.writeRows(row, VALUES.subarray(row * 105, (row + rows) * 105));
  }
  const mask = new Uint8Array(37 * 21);
  mask[100] = 1;
  writer.writeMap(2, new Float32Array(VALUES.filter((_, i) => i % 5 === 2)), mask);
  writer.finish(about);
  writer.close();
  const created = { name: 'Film "Übung"', createdAt: "2026-01-01T00:00:00.000Z" };
  const identity = { id: "cube_1", sha256: "ab".repeat(32), sizeBytes: 100, ...created };
  await store.cubes.add(folder, { ...about, ...identity }, { optionsKey: "", owner: "address:1" });
  const record = await store.cubes.addImage("cube_1", TOPOGRAPHY);
  await use(record, await store.cubes.open("cube_1"));
}

async function bytesOf(source: ByteSource, start = 0, end = source.sizeBytes): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await new Response(ReadableStream.from(source.read(start, end))).bytes();
  assertEquals(bytes.length, end - start);
  return bytes;
}

const yieldTurn = createScheduler();

async function saved(record: CubeRecord, cube: CubeParts, format: CubeFormat): Promise<string> {
  const path = await Deno.makeTempFile({ suffix: format === "hdf5" ? ".h5" : `.${format}` });
  await Deno.writeFile(path, await bytesOf(await exportCube(record, cube, { format, yieldTurn })));
  return path;
}

Deno.test("NPY holds the values in the order rows, columns, points", async () => {
  await withCube(async (record, cube) => {
    const npy = decodeNpy(await bytesOf(await exportCube(record, cube, { format: "npy", yieldTurn })));
    assertEquals([npy.shape, npy.data], [SHAPE, VALUES]);
  });
});

Deno.test("every range of a file is that part of it, in any order", async () => {
  await withCube(async (record, cube) => {
    for (const format of ["npy", "npz", "hdf5"] as const) {
      const whole = await bytesOf(await exportCube(record, cube, { format, yieldTurn }));
      for (const [start, end] of [[whole.length - 90, whole.length], [0, 50], [9000, 9001], [4000, 12000], [0, 0]]) {
        const part = await bytesOf(await exportCube(record, cube, { format, yieldTurn }), start, end);
        assertEquals(part, whole.slice(start, end), `${format} ${start}-${end}`);
      }
    }
  });
});

for (const format of ["npz", "hdf5"] as const) {
  Deno.test(`the upload of the ${format} gives the same cube`, async () => {
    await withCube(async (record, cube) => {
      const file = await saved(record, cube, format);
      const folder = await Deno.makeTempDir();
      try {
        const read = await ingestCube({ file, folder, options: { repair: "off" } });
        assertEquals([read.shape, read.axes.spectral.values], [SHAPE, BIAS.values]);
        const again = openCubeFile(folder);
        assertEquals(again.readBlock({ row: 0, col: 0, rows: 37, cols: 21 }), VALUES);
        assertEquals(again.readImage(again.imageNames[0])?.values_HW, TOPOGRAPHY.values_HW);
        again.close();
        if (format === "hdf5") assertEquals([read.axes, read.quantity, read.unit], [record.axes, "current", "A"]);
      } finally {
        await Deno.remove(folder, { recursive: true });
        await Deno.remove(file);
      }
    });
  });
}

const NUMPY = `
import sys, json, numpy as np
z = np.load(sys.argv[1])
print(json.dumps([sorted(z.files), z["values"].shape, float(z["values"][3, 4, 2]), int(z["mask"].sum())]))`;

testWithPython("NumPy opens the NPZ", ["numpy"], async (python) => {
  await withCube(async (record, cube) => {
    const file = await saved(record, cube, "npz");
    const names = ["axes/col", "axes/row", "axes/spectral", "maps/topography_1", "mask", "metadata", "values"];
    const value = VALUES[3 * 105 + 4 * 5 + 2];
    assertEquals(JSON.parse(await runPython(python, NUMPY, file)), [names, SHAPE, value, 1]);
    await Deno.remove(file);
  });
});

const H5PY = `
import sys, json, h5py
f = h5py.File(sys.argv[1])
d = f["Channel_000/cube/cube"]
i = f["Channel_000/topography_1/topography_1"]
e = f["Experiments/cube"]
print(json.dumps({
  "value": float(d[3, 4, 2]), "shape": d.shape, "chunks": d.chunks, "units": d.attrs["units"], "name": f.attrs["name"],
  "labels": [dim.label for dim in d.dims], "spectral": list(d.dims[2][0][:]), "unit": d.dims[2][0].attrs["units"],
  "attached": [h5py.h5ds.is_attached(d.id, d.dims[k][0].id, k) for k in range(3)],
  "repaired": int(f["Channel_000/cube/repaired"][:].sum()), "image": [float(i[1, 2]), i.attrs["units"]],
  "same": e["data"] == d, "title": e["metadata/General"].attrs["title"], "navigate": bool(e["axis-0"].attrs["navigate"]),
}))`;

testWithPython(
  "h5py opens the HDF5 file: values, scales, texts, images, HyperSpy's description",
  ["h5py"],
  async (python) => {
    await withCube(async (record, cube) => {
      const file = await saved(record, cube, "hdf5");
      assertEquals(JSON.parse(await runPython(python, H5PY, file)), {
        value: VALUES[3 * 105 + 4 * 5 + 2],
        shape: SHAPE,
        chunks: [1, 21, 5],
        units: "A",
        name: 'Film "Übung"',
        labels: ["y", "x", "bias"],
        spectral: BIAS.values,
        unit: "V",
        attached: [true, true, true],
        repaired: 1,
        image: [TOPOGRAPHY.values_HW[23], "nm"],
        same: true,
        title: 'Film "Übung"',
        navigate: true,
      });
      await Deno.remove(file);
    });
  },
);
