import { zipSync } from "fflate";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { runPython, testWithPython } from "../support/python.ts";
import { fuzzReader } from "./support/fuzz_reader.ts";
import { readCube } from "./support/with_file.ts";

const [ROWS, COLS, POINTS] = [4, 5, 6];
const CUBE = Array.from({ length: ROWS * COLS * POINTS }, (_, i) => 3 * i - 100);
const SIZES: Record<string, number> = { row: ROWS, col: COLS, band: POINTS };

/** The cube as int16 in some order of its axes, slowest first. */
function raw(order: string[], little = true, offset = 0): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(offset + CUBE.length * 2));
  const at: Record<string, number> = {};
  for (let i = 0; i < CUBE.length; i++) {
    let rest = i;
    for (const name of [...order].reverse()) {
      at[name] = rest % SIZES[name];
      rest = Math.floor(rest / SIZES[name]);
    }
    view.setInt16(offset + i * 2, CUBE[(at.row * COLS + at.col) * POINTS + at.band], little);
  }
  return new Uint8Array(view.buffer);
}

const text = (lines: string[]) => new TextEncoder().encode(lines.join("\n"));
const ORDERS: Record<string, string[]> = {
  bsq: ["band", "row", "col"],
  bil: ["row", "band", "col"],
  bip: ["row", "col", "band"],
};

function envi(interleave: string, little = true): Uint8Array {
  const header = ["ENVI", "description = { a", "map }", `samples = ${COLS}`, `lines = ${ROWS}`, `bands = ${POINTS}`];
  header.push("header offset = 16", "data type = 2", `interleave = ${interleave}`, `byte order = ${little ? 0 : 1}`);
  header.push("wavelength units = Nanometers", "wavelength = { 400, 410,", " 420, 430, 440, 450 }");
  return zipSync({ "map/a.hdr": text(header), "map/a.img": raw(ORDERS[interleave], little, 16) });
}

function rpl(recordBy: "image" | "vector"): Uint8Array {
  const header = ["key\tvalue", `width\t${COLS}`, `height\t${ROWS}`, `depth\t${POINTS}`, "offset\t0", "data-length\t2"];
  header.push("data-type\tsigned", "byte-order\tlittle-endian", `record-by\t${recordBy}`, "depth-scale\t10");
  header.push("depth-origin\t-20", "depth-units\teV", "depth-name\tEnergy", "signal\tCounts");
  return zipSync({ "m.rpl": text(header), "m.raw": raw(ORDERS[recordBy === "image" ? "bsq" : "bip"]) });
}

for (const interleave of ["bsq", "bil", "bip"]) {
  Deno.test(`an ENVI pair, ${interleave}, both byte orders: values and wavelengths`, async () => {
    for (const little of [true, false]) {
      const cube = await readCube(envi(interleave, little));
      assertEquals([cube.format, cube.dataset, cube.shape], ["envi", "map/a", [ROWS, COLS, POINTS]]);
      assertEquals(cube.values, CUBE);
      assertEquals([cube.axes.spectral.name, cube.axes.spectral.unit], ["Wavelength", "Nanometers"]);
      assertEquals(cube.axes.spectral.values, [400, 410, 420, 430, 440, 450]);
    }
  });
}

for (const recordBy of ["image", "vector"] as const) {
  Deno.test(`an RPL pair, by ${recordBy}: values, scale, unit and quantity`, async () => {
    const { format, shape, values, quantity, axes } = await readCube(rpl(recordBy));
    assertEquals([format, shape, values, quantity], ["rpl", [ROWS, COLS, POINTS], CUBE, "Counts"]);
    assertEquals([axes.spectral.name, axes.spectral.unit], ["Energy", "eV"]);
    assertEquals(axes.spectral.values, [-20, -10, 0, 10, 20, 30]);
  });
}

Deno.test("a pair without its values, with too few or with a header that lies is refused in words", async () => {
  const header = (more: string[]) => text(["ENVI", `samples = ${COLS}`, `lines = ${ROWS}`, ...more]);
  const full = ["bands = 6", "data type = 2", "interleave = bsq"];
  await assertFailsWith("pair_missing", () => readCube(zipSync({ "a.hdr": header(full) })));
  const short = zipSync({ "a.hdr": header(full), "a.raw": new Uint8Array(30) });
  assert.match((await assertFailsWith("file_truncated", () => readCube(short))).message, /30 bytes; expected 240/);
  for (
    const lie of [["bands = -1"], ["bands = 6", "data type = 77"], ["bands = 6", "data type = 2", "interleave = x"]]
  ) {
    const bytes = zipSync({ "a.hdr": header(lie), "a.raw": raw(ORDERS.bsq) });
    await assertFailsWith("header_malformed", () => readCube(bytes));
  }
});

Deno.test("1000 damaged pairs are refused or read within their bounds", async () => {
  const { refused } = await fuzzReader([envi("bil"), rpl("image"), envi("bip", false)]);
  assert.ok(Object.keys(refused).length > 2, JSON.stringify(refused));
});

Deno.test("1000 headers damaged before they were packed are refused or read within their bounds", async () => {
  const whole = text([
    "ENVI",
    `samples = ${COLS}`,
    `lines = ${ROWS}`,
    "bands = 6",
    "data type = 2",
    "interleave = bsq",
  ]);
  const seal = (bytes: Uint8Array) => zipSync({ "a.hdr": bytes, "a.raw": raw(ORDERS.bsq) }) as Uint8Array<ArrayBuffer>;
  const { read, refused } = await fuzzReader([whole], { seal });
  assert.ok(read > 50 && Object.keys(refused).length > 1, JSON.stringify({ read, refused }));
});

const BY_SPECTRAL = `
import sys, numpy as np
from spectral.io import envi
v = np.arange(120, dtype="f4").reshape(4, 5, 6)
envi.save_image(sys.argv[1] + "/a.hdr", v, interleave=sys.argv[2], ext="img", metadata={"wavelength": [1, 2, 3, 4, 5, 6.5], "wavelength units": "um"})`;

testWithPython(
  "pairs that Spectral Python wrote are read with their values and wavelengths",
  ["spectral"],
  async (python) => {
    for (const interleave of ["bsq", "bil", "bip"]) {
      const folder = await Deno.makeTempDir();
      await runPython(python, BY_SPECTRAL, folder, interleave);
      const [hdr, img] = await Promise.all(["a.hdr", "a.img"].map((name) => Deno.readFile(`${folder}/${name}`)));
      const { values, axes } = await readCube(zipSync({ "a.hdr": hdr, "a.img": img }));
      assertEquals(values, CUBE.map((_, i) => i));
      assertClose(axes.spectral.values, [1, 2, 3, 4, 5, 6.5], 1e-12, "wavelengths");
      assertEquals(axes.spectral.unit, "um");
      await Deno.remove(folder, { recursive: true });
    }
  },
);
