import { zipSync } from "fflate";
import { ndArray } from "../../lib/base/nd_array.ts";
import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { encodeNpz } from "../../lib/formats/numpy/npz.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { SHARED, testWithShared } from "../support/shared.ts";
import { npyBytes } from "./support/npy_bytes.ts";
import { readCube } from "./support/with_file.ts";

const values = Float64Array.from({ length: 60 }, (_, i) => i * 0.5);
const cube = ndArray(values, [3, 4, 5]);

/** Overwrites 32 bits, little-endian, in every central directory entry of a ZIP archive. */
function patchDirectory(bytes: Uint8Array, offset: number, value: number): Uint8Array {
  const patched = bytes.slice();
  const view = new DataView(patched.buffer);
  for (let at = 0; at + 4 <= patched.length; at++) {
    if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + offset, value, true);
  }
  return patched;
}

Deno.test("an NPZ with a wrong checksum, contradicting sizes or a cut is an error", async () => {
  const stored = encodeNpz({ cube });
  assertEquals((await readCube(stored)).values, [...values]);
  const spoiled = stored.slice();
  spoiled[200] ^= 1;
  await assertFailsWith("zip_malformed", () => readCube(spoiled));
  await assertFailsWith("zip_malformed", () => readCube(patchDirectory(stored, 24, 100)));
  await assertFailsWith("file_truncated", () => readCube(stored.subarray(0, 300)));
  const deflated = zipSync({ "cube.npy": encodeNpy(cube) }, { level: 9 });
  assertEquals((await readCube(deflated)).values, [...values]);
  const torn = deflated.slice();
  for (let i = 60; i < 90; i++) torn[i] ^= 0x5a;
  const error = await assertFailsWith("inflate_failed", () => readCube(torn)).catch(() =>
    assertFailsWith("zip_malformed", () => readCube(torn))
  );
  assert.match(error.message, /damaged/);
});

Deno.test("a zip bomb is refused by its declared size and by its actual size", async () => {
  const zeros = ndArray(new Float64Array(2 ** 21), [128, 128, 128]);
  const bomb = zipSync({ "cube.npy": encodeNpy(zeros) }, { level: 9 });
  assert.ok(bomb.length < 30000);
  // Declared as what it is: within the limit of 64 MiB, so it is read; declared larger, refused before it is inflated.
  assertEquals((await readCube(bomb)).values.length, 2 ** 21);
  await assertFailsWith("expands_too_much", () => readCube(patchDirectory(bomb, 24, 2 ** 31)));
  // Declared smaller than the array inside says.
  await assertFailsWith("file_truncated", () => readCube(patchDirectory(bomb, 24, 4096)));
});

Deno.test("names in an NPZ are shown harmless and never used as paths", async () => {
  const npz = zipSync({ "../../etc/cube\u0007.npy": encodeNpy(cube) }, { level: 0 });
  assertEquals((await readCube(npz)).dataset, "../../etc/cube");
});

Deno.test("a wrong NPY is refused with what was met", async () => {
  const bytes = encodeNpy(cube);
  const short = await assertFailsWith("file_truncated", () => readCube(bytes.subarray(0, bytes.length - 8)));
  assert.match(short.message, /has 600 bytes; expected 608 for shape \[3,4,5\]/);
  await assertFailsWith("npy_malformed", () => readCube(new Uint8Array([...bytes, 0])));
  await assertFailsWith("file_truncated", () => readCube(npyBytes("<f8", [60000, 60000, 500], new Uint8Array(8))));
  await assertFailsWith("cube_needed", () => readCube(npyBytes("<U1", [3, 4, 5], new Uint8Array(240))));
  await assertFailsWith(
    "complex_values",
    () => readCube(npyBytes("<c32", [3, 4, 5], new Uint8Array(1920)), { dataset: "" }),
  );
  await assertFailsWith(
    "cube_too_small",
    () => readCube(npyBytes("|u1", [3, 4, 3], new Uint8Array(36)), { dataset: "" }),
  );
  await assertFailsWith("dataset_missing", () => readCube(bytes, { dataset: "current" }));
});

Deno.test("files of other kinds are told what they are and what to do", async () => {
  const says = async (bytes: number[], words: RegExp) => {
    const error = await assertFailsWith("unknown_format", () => readCube(Uint8Array.from(bytes)));
    assert.match(error.message, words);
    assert.match(error.message, /numpy\.save, rows x columns x points/);
  };
  await says([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10], /a PNG image/);
  await says([0x1f, 0x8b, 8, 0], /a gzip archive: unpack it first/);
  await says([0x80, 0x04, 0x95, 0], /a Python pickle, which is never opened/);
  await says([1, 2, 3, 255], /first bytes 01 02 03 ff/);
  await assertFailsWith("file_empty", () => readCube(new Uint8Array(0)));
});

testWithShared("a Nanonis grid that was cut off is read to its last whole point, and said so", async (shared) => {
  const whole = Deno.readFileSync(new URL("data/sts_grid.3ds", shared));
  const header = new TextDecoder("latin1").decode(whole).indexOf(":HEADER_END:") + 14;
  const pointBytes = 40 + 3200;
  const cut = await readCube(whole.subarray(0, header + 500 * pointBytes + 123));
  assert.ok(cut.notes.includes("The grid is cut off: 500 of 900 points were measured"), cut.notes.join());
  const full = await readCube(whole);
  assertEquals(cut.values.slice(0, 500 * 200), full.values.slice(0, 500 * 200));
  assert.ok(cut.values.slice(500 * 200).every(Number.isNaN));
  assert.ok(Number.isNaN(cut.maps.find((map) => map.name === "Z")!.values_HW[500]));
  await assertFailsWith("nanonis_malformed", () => readCube(whole.subarray(0, header + 10)));
  const lockIn = await readCube(whole, { channel: "LockinX" });
  assertEquals([lockIn.dataset, lockIn.unit], ["LockinX", "V"]);
  await assertFailsWith("dataset_missing", () => readCube(whole, { channel: "Voltage" }));
});

Deno.test("a Nanonis header that contradicts itself is refused", { ignore: !SHARED }, async () => {
  const whole = Deno.readFileSync(new URL("data/sts_grid.3ds", SHARED));
  const text = new TextDecoder("latin1").decode(whole.subarray(0, 800));
  const patched = (from: string, to: string) => {
    const bytes = whole.slice();
    bytes.set(new TextEncoder().encode(to.padEnd(from.length)), text.indexOf(from));
    return bytes;
  };
  await assertFailsWith("nanonis_malformed", () => readCube(patched("Points=200", "Points=999")));
  await assertFailsWith("nanonis_malformed", () => readCube(patched("(4 byte)=10", "(4 byte)=-1")));
  await assertFailsWith("unknown_format", () => readCube(patched('Grid dim="30 x 30"', "Grid dim=30 by 30")));
});
