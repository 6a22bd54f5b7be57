import { gzipSync, zipSync } from "fflate";
import { Buffer } from "node:buffer";
import { zstdCompressSync } from "node:zlib";
import { decodeBlosc, decodeLz4 } from "../../lib/formats/zarr/zarr_blosc.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { runPython, testWithPython } from "../support/python.ts";
import { fuzzReader } from "./support/fuzz_reader.ts";
import { readCube } from "./support/with_file.ts";

const SHAPE = [5, 6, 8], CHUNK = [2, 4, 8];
const CUBE = Array.from({ length: 5 * 6 * 8 }, (_, i) => 0.5 * i - 30);
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** One chunk, float32, padded with 7 beyond the array. */
function chunk(index: number[], fortran = false, little = true): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(2 * 4 * 8 * 4));
  for (let r = 0; r < 2; r++) {
    for (let c = 0; c < 4; c++) {
      for (let s = 0; s < 8; s++) {
        const [row, col] = [index[0] * 2 + r, index[1] * 4 + c];
        const at = fortran ? r + 2 * c + 8 * s : (r * 4 + c) * 8 + s;
        view.setFloat32(at * 4, row < 5 && col < 6 ? CUBE[(row * 6 + col) * 8 + s] : 7, little);
      }
    }
  }
  return new Uint8Array(view.buffer);
}

type Pack = (bytes: Uint8Array) => Uint8Array;
interface Made {
  pack?: Pack;
  codec?: string;
  fortran?: boolean;
  little?: boolean;
  attributes?: Record<string, unknown>;
  more?: Record<string, unknown>;
  leaveOut?: string;
}

function chunks(name: (index: number[]) => string, { pack = (x) => x, fortran, little }: Made) {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 3; i++) for (let j = 0; j < 2; j++) files[name([i, j, 0])] = pack(chunk([i, j], fortran, little));
  return files;
}

function zarr2(made: Made = {}): Uint8Array<ArrayBuffer> {
  const { codec, fortran, little = true, attributes = {}, more = {}, leaveOut = "" } = made;
  const files = chunks((index) => `m/${index.join(".")}`, made);
  files["m/.zarray"] = json({
    ...{ zarr_format: 2, shape: SHAPE, chunks: CHUNK, dtype: little ? "<f4" : ">f4", fill_value: "NaN" },
    ...{ order: fortran ? "F" : "C", filters: null, compressor: codec ? { id: codec } : null, ...more },
  });
  files["m/.zattrs"] = json(attributes);
  delete files[leaveOut];
  return zipSync(files) as Uint8Array<ArrayBuffer>;
}

function zarr3(made: Made = {}): Uint8Array<ArrayBuffer> {
  const files = chunks((index) => ["m/c", ...index].join("/"), made);
  const codecs = [
    { name: "bytes", configuration: { endian: "little" } },
    ...(made.codec ? [{ name: made.codec }] : []),
  ];
  files["m/zarr.json"] = json({
    ...{ zarr_format: 3, node_type: "array", shape: SHAPE, data_type: "float32", fill_value: 0, codecs },
    chunk_grid: { name: "regular", configuration: { chunk_shape: CHUNK } },
    chunk_key_encoding: { name: "default", configuration: { separator: "/" } },
    dimension_names: ["y", "x", "bias"],
    attributes: { units: "nA", long_name: "Current" },
  });
  return zipSync(files) as Uint8Array<ArrayBuffer>;
}

const gzip: Pack = (bytes) => gzipSync(bytes);
const zstd: Pack = (bytes) => new Uint8Array(zstdCompressSync(Buffer.from(bytes)));

const KINDS: Record<string, Made> = {
  "plain": {},
  "big endian": { little: false },
  "column-major chunks": { fortran: true },
  "gzip": { pack: gzip, codec: "gzip" },
  "zstd": { pack: zstd, codec: "zstd" },
};

for (const [name, made] of Object.entries(KINDS)) {
  Deno.test(`Zarr version 2, ${name}: chunks that reach beyond the array`, async () => {
    const { format, dataset, shape, values } = await readCube(zarr2(made));
    assertEquals([format, dataset, shape, values], ["zarr", "m", SHAPE, CUBE]);
  });
}

Deno.test("Zarr version 3: names of dimensions, quantity and unit", async () => {
  const { values, axes, quantity, unit } = await readCube(zarr3({ pack: gzip, codec: "gzip" }));
  assertEquals([values, axes.spectral.name, quantity, unit], [CUBE, "bias", "Current", "nA"]);
});

Deno.test("a chunk that is not there is the fill value; packed values are unpacked", async () => {
  const { values } = await readCube(zarr2({ leaveOut: "m/0.0.0" }));
  const inChunk = (i: number) => Math.floor(i / 48) < 2 && Math.floor(i / 8) % 6 < 4;
  assertEquals(values, CUBE.map((value, i) => inChunk(i) ? NaN : value));
  const packed = await readCube(zarr2({ attributes: { scale_factor: 2, add_offset: 1, _FillValue: -30 } }));
  assertEquals(packed.values, CUBE.map((value) => value === -30 ? NaN : 2 * value + 1));
});

Deno.test("unknown codecs, chunk grids without end and chunks that lie are refused in words", async () => {
  assert.match((await assertFailsWith("zarr_codec", () => readCube(zarr2({ codec: "lzma" })))).message, /lzma/);
  const refused = (more: Made["more"]) => assertFailsWith("zarr_malformed", () => readCube(zarr2({ more })));
  await refused({ shape: [1e6, 1e6, 8], chunks: [1, 1, 8] });
  await refused({ chunks: [2 ** 20, 2 ** 20, 8] });
  await refused({ chunks: [0, 4, 8] });
  await refused({ shape: [5, 6] });
  await refused({ dtype: "<f8" });
  await assertFailsWith("zarr_malformed", () => readCube(zarr2({ codec: "zstd" })));
  const bomb: Made = { codec: "gzip", pack: () => gzipSync(new Uint8Array(2 ** 22)) };
  await assertFailsWith("zarr_malformed", () => readCube(zarr2(bomb)));
  await assertFailsWith("expands_too_much", () => readCube(zarr2({ more: { shape: [4096, 2048, 8] } })));
  const padded = { shape: [4096, 2, 8], chunks: [1, 4096, 4096] };
  await assertFailsWith("expands_too_much", () => readCube(zarr2({ more: padded })));
});

Deno.test("LZ4 blocks that refer outside, end early or are too long are refused", async () => {
  assertEquals([...decodeLz4(Uint8Array.of(0x12, 9, 1, 0), 7)], new Array(7).fill(9));
  for (const bytes of [[0x10, 9, 2, 0], [0x10, 9, 0, 0], [0xf0, 255], [0x1f, 9, 1, 0, 255, 255]]) {
    await assertFailsWith("zarr_malformed", () => Promise.resolve().then(() => decodeLz4(Uint8Array.from(bytes), 8)));
  }
  const lie = new Uint8Array(32);
  lie.set([2, 1, 0x20, 4, 255, 255, 255, 127]);
  await assertFailsWith("zarr_malformed", () => Promise.resolve().then(() => decodeBlosc(lie, 100)));
});

Deno.test("1000 damaged Zarr archives are refused or read within their bounds", async () => {
  const { refused } = await fuzzReader([zarr2(), zarr3({ pack: gzip, codec: "gzip" }), zarr2(KINDS.zstd)]);
  assert.ok(Object.keys(refused).length > 2, JSON.stringify(refused));
});

Deno.test("500 descriptions of arrays damaged before they were packed are refused or read", async () => {
  const whole = json({
    ...{ zarr_format: 2, shape: SHAPE, chunks: CHUNK, dtype: "<f4", fill_value: 0, order: "C", compressor: null },
  });
  const parts = chunks((index) => index.join("."), {});
  const seal = (bytes: Uint8Array) => zipSync({ ".zarray": bytes, ...parts }, { level: 0 }) as Uint8Array<ArrayBuffer>;
  const { read, refused } = await fuzzReader([whole], { seal, rounds: 500 });
  assert.ok(read > 20 && Object.keys(refused).length > 1, JSON.stringify({ read, refused }));
});

const BY_ZARR = `
import sys, numpy as np, zarr, numcodecs
from zarr.storage import ZipStore
v = np.arange(240, dtype=sys.argv[4]).reshape(5, 6, 8)
version, codec = int(sys.argv[2]), sys.argv[3]
if version == 2:
    c = {"lz4": numcodecs.Blosc("lz4"), "zstd": numcodecs.Blosc("zstd"), "zlib": numcodecs.Blosc("zlib"), "plain": numcodecs.Zstd(), "none": None}[codec]
else:
    from zarr.codecs import BloscCodec, ZstdCodec, GzipCodec
    c = {"lz4": BloscCodec(cname="lz4"), "zstd": BloscCodec(cname="zstd"), "zlib": GzipCodec(), "plain": ZstdCodec(), "none": None}[codec]
with ZipStore(sys.argv[1], mode="w") as s:
    a = zarr.create_array(s, name="m", shape=v.shape, chunks=(3, 4, 8), dtype=v.dtype, compressors=c, zarr_format=version)
    a[:] = v`;

testWithPython("archives that zarr wrote, versions 2 and 3, with each codec", ["zarr"], async (python) => {
  for (const version of ["2", "3"]) {
    for (const codec of ["lz4", "zstd", "zlib", "plain", "none"]) {
      const path = await Deno.makeTempFile({ suffix: ".zip" });
      await runPython(python, BY_ZARR, path, version, codec, codec === "zstd" ? "int16" : "float64");
      const { values, shape } = await readCube(await Deno.readFile(path));
      await Deno.remove(path);
      assertEquals([shape, values], [SHAPE, CUBE.map((_, i) => i)], `${version} ${codec}`);
    }
  }
});

const BY_XARRAY = `
import sys, numpy as np, xarray as xr
from zarr.storage import ZipStore
d = xr.DataArray(np.arange(240.0).reshape(8, 5, 6), dims=("bias", "y", "x"), name="current", attrs={"units": "nA"},
    coords={"bias": ("bias", np.linspace(-1, 1, 8), {"units": "V"}), "x": ("x", np.arange(6.0) * 2, {"units": "nm"}), "y": ("y", np.arange(5.0) * 3, {"units": "nm"})})
with ZipStore(sys.argv[1], mode="w") as s:
    d.to_dataset().to_zarr(s, zarr_format=int(sys.argv[2]), consolidated=False)`;

testWithPython("xarray's coordinates are the axes, dimensions in any order", ["xarray", "zarr"], async (python) => {
  for (const version of ["2", "3"]) {
    const path = await Deno.makeTempFile({ suffix: ".zip" });
    await runPython(python, BY_XARRAY, path, version);
    const { values, axes, unit, shape } = await readCube(await Deno.readFile(path));
    await Deno.remove(path);
    assertEquals([shape, unit, axes.spectral.name, axes.spectral.unit], [SHAPE, "nA", "bias", "V"]);
    assertEquals(values, CUBE.map((_, i) => (i % 8) * 30 + Math.floor(i / 8)));
    assertClose(axes.row.values, [0, 3, 6, 9, 12], 1e-12, "rows");
  }
});
