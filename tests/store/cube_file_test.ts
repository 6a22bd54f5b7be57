import fc from "fast-check";
import { createRandom } from "../../lib/base/random.ts";
import { addCubeImage, createCubeFile, openCubeFile } from "../../lib/store/cube_files/cube_file.ts";
import { chooseLayout, tilesOf } from "../../lib/store/cube_files/tile_layout.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { describeCube } from "../support/stored_cube.ts";

function randomCube([rows, cols, points]: number[], seed = 1): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: rows * cols * points }, () => random.normal());
}

function withFolder(run: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    run(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Writes values (in slabs of `slab` rows) and returns the opened cube. */
function store(folder: string, shape: [number, number, number], values_HWS: Float32Array, slab = shape[0]) {
  const writer = createCubeFile(folder, shape);
  const row = shape[1] * shape[2];
  for (let row0 = 0; row0 < shape[0]; row0 += slab) {
    writer.writeRows(row0, values_HWS.slice(row0 * row, Math.min(shape[0], row0 + slab) * row));
  }
  writer.finish(describeCube(shape));
  writer.close();
}

const shapes = fc.tuple(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 1, max: 20 }),
);

Deno.test("tiles cover every element of the file exactly once", () => {
  fc.assert(fc.property(shapes, (shape) => {
    const layout = chooseLayout(shape);
    let next = 0;
    for (const tile of tilesOf(layout)) {
      assertEquals(tile.offset, next);
      next += tile.rows * tile.cols * shape[2];
    }
    assertEquals(next, shape[0] * shape[1] * shape[2]);
  }));
});

Deno.test("a layout keeps a row of tiles and a tile bounded, whatever the shape", () => {
  for (const shape of [[1000, 1000, 750], [100, 100000, 4096], [3, 3, 5_000_000], [100000, 1, 1]] as const) {
    const { tileRows, tileCols } = chooseLayout(shape);
    const rowBytes = 4 * shape[1] * shape[2];
    assert.ok(tileRows * rowBytes <= Math.max(64 * 2 ** 20, rowBytes), `tileRows ${tileRows} for ${shape}`);
    assert.ok(tileRows * tileCols * shape[2] * 4 <= Math.max(8 * 2 ** 20, shape[2] * 4), `tile for ${shape}`);
  }
});

Deno.test("maps, spectra and blocks read back what was written, in any slabs, cached or not", () => {
  fc.assert(
    fc.property(shapes, fc.integer({ min: 1, max: 40 }), fc.boolean(), fc.gen(), (shape, slab, cached, gen) => {
      withFolder((folder) => {
        const [rows, cols, points] = shape;
        const values = randomCube(shape);
        store(folder, shape, values, slab);
        const cube = openCubeFile(folder, { cacheBytes: cached ? 2 ** 20 : 0 });
        const step = gen(fc.integer, { min: 0, max: points - 1 });
        assertEquals(cube.readMap(step), values.filter((_, i) => i % points === step));
        const row = gen(fc.integer, { min: 0, max: rows - 1 }), col = gen(fc.integer, { min: 0, max: cols - 1 });
        const at = (row * cols + col) * points;
        assertEquals(cube.readSpectrum(row, col), values.slice(at, at + points));
        const region = { row, col, rows: gen(fc.integer, { min: 1, max: rows - row }), cols: cols - col };
        const block = cube.readBlock(region);
        assertEquals(block.length, region.rows * region.cols * points);
        const last = ((row + region.rows - 1) * cols + col) * points;
        assertEquals(block.slice(-region.cols * points), values.slice(last, last + region.cols * points));
        cube.close();
      });
    }),
    { numRuns: 60 },
  );
});

Deno.test("a block is a copy: changing it does not change the cube", () => {
  withFolder((folder) => {
    store(folder, [4, 4, 3], randomCube([4, 4, 3]));
    const cube = openCubeFile(folder);
    const before = cube.readMap(0);
    cube.readMap(0).fill(9);
    cube.readSpectrum(0, 0).fill(9);
    assertEquals(cube.readMap(0), before);
    cube.close();
  });
});

Deno.test("float64 rows are kept as float32", () => {
  withFolder((folder) => {
    const writer = createCubeFile(folder, [1, 2, 2]);
    writer.writeRows(0, Float64Array.of(0.1, 2, NaN, -1e-3));
    writer.finish(describeCube([1, 2, 2]));
    writer.close();
    const cube = openCubeFile(folder);
    assertEquals(cube.readSpectrum(0, 0), Float32Array.of(0.1, 2));
    assertEquals(cube.readSpectrum(0, 1), Float32Array.of(NaN, -1e-3));
    cube.close();
  });
});

Deno.test("repaired maps and their marks read back, and an unrepaired cube has no mask file", () => {
  withFolder((folder) => {
    const shape: [number, number, number] = [20, 33, 5];
    const values = randomCube(shape);
    const writer = createCubeFile(folder, shape);
    writer.writeRows(0, values);
    const maps = writer.readMaps(2, 2);
    const mask = new Uint8Array(maps.length);
    maps[7] = 42;
    mask[7] = 1;
    maps[20 * 33 + 400] = -42;
    mask[20 * 33 + 400] = 1;
    writer.writeMaps(2, maps, mask);
    writer.finish(describeCube(shape));
    writer.close();
    const cube = openCubeFile(folder);
    assertEquals([cube.readMap(2)[7], cube.readMap(3)[400]], [42, -42]);
    assertEquals(cube.readMap(1), values.filter((_, i) => i % 5 === 1));
    const marks = cube.readMask({ row: 0, col: 0, rows: 20, cols: 33 });
    assertEquals([...marks.entries()].filter(([, mark]) => mark).map(([i]) => i), [7 * 5 + 2, 400 * 5 + 3]);
    cube.close();
  });
  withFolder((folder) => {
    store(folder, [3, 3, 2], randomCube([3, 3, 2]));
    assert.throws(() => Deno.statSync(`${folder}/mask.u8`), Deno.errors.NotFound);
    const cube = openCubeFile(folder);
    assertEquals(cube.readMask({ row: 1, col: 1, rows: 2, cols: 1 }), new Uint8Array(4));
    cube.close();
  });
});

Deno.test("image channels are kept by name and may be added later", async () => {
  const folder = Deno.makeTempDirSync();
  const height = Float32Array.of(1, NaN, 3, 4, 5, 6);
  const writer = createCubeFile(folder, [2, 3, 1]);
  writer.writeRows(0, new Float32Array(6));
  writer.addImage({ name: "../height", quantity: "height", unit: "m", values_HW: height });
  writer.finish(describeCube([2, 3, 1]));
  writer.close();
  const haadf = { name: "HAADF", quantity: "intensity", unit: "", values_HW: new Float32Array(6).fill(2) };
  addCubeImage(folder, haadf);
  await assertFailsWith("map_exists", () => addCubeImage(folder, haadf));
  await assertFailsWith(
    "grid_mismatch",
    () => addCubeImage(folder, { ...haadf, name: "x", values_HW: height.slice(1) }),
  );
  const cube = openCubeFile(folder);
  assertEquals(cube.imageNames, ["../height", "HAADF"]);
  assertEquals(cube.readImage("../height"), { name: "../height", quantity: "height", unit: "m", values_HW: height });
  assertEquals(cube.readImage("HAADF")?.values_HW, haadf.values_HW);
  assertEquals(cube.readImage("none"), undefined);
  cube.close();
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("a damaged cube is refused, an unfinished one cannot be opened", async () => {
  const folder = Deno.makeTempDirSync();
  const writer = createCubeFile(folder, [2, 2, 2]);
  assert.throws(() => writer.finish(describeCube([2, 2, 2])), /Only 0 of 2 rows/);
  assert.throws(() => writer.writeRows(1, new Float32Array(4)), /expected rows from 0/);
  writer.writeRows(0, new Float32Array(8));
  await assertFailsWith("cube_damaged", () => openCubeFile(folder));
  writer.finish(describeCube([2, 2, 2]));
  writer.close();
  await assertFailsWith("outside_cube", () => openCubeFile(folder).readMap(2));
  await assertFailsWith("outside_cube", () => openCubeFile(folder).readBlock({ row: 0, col: 1, rows: 1, cols: 2 }));
  Deno.truncateSync(`${folder}/values.f32`, 31);
  await assertFailsWith("cube_damaged", () => openCubeFile(folder));
  Deno.writeTextFileSync(`${folder}/cube.json`, "{");
  await assertFailsWith("cube_damaged", () => openCubeFile(folder));
  Deno.removeSync(folder, { recursive: true });
});
