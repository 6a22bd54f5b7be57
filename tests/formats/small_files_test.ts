import { unzlibSync } from "fflate";
import * as unprotected from "h5wasm/node";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { type ReadCube, readCube, withFile } from "./support/with_file.ts";

interface SmallFile {
  bytes: string;
  format?: string;
  error?: string;
  /** The spectral axis is the bias sweep … */
  bias?: boolean;
  /** … or uniform, [offset, scale]. */
  uniform?: [number, number];
  spectral?: [name: string, unit: string];
  quantity?: [name: string, unit: string];
  maps?: string[];
  channel?: string;
  channelShift?: number;
  clipped?: boolean;
  threshold?: number;
  /** Imaginary part of every value; the magnitude is read. */
  imaginary?: number;
  secret?: string;
}

const files: Record<string, SmallFile> = JSON.parse(
  Deno.readTextFileSync(new URL("../golden/small_files.json", import.meta.url)),
);
const [ROWS, COLS, POINTS] = [4, 5, 6];
const BIAS = [0, 1, 2, 1, 0, -1];
const CUBE = Array.from({ length: ROWS * COLS * POINTS }, (_, i) => {
  const [row, col] = [Math.floor(i / (COLS * POINTS)), Math.floor(i / POINTS) % COLS];
  return 100 * row + 10 * col + i % POINTS;
});

function bytesOf({ bytes }: SmallFile): Uint8Array {
  return unzlibSync(Uint8Array.fromBase64(bytes));
}

function wantedValues({ clipped, threshold, imaginary }: SmallFile): number[] {
  if (imaginary !== undefined) return CUBE.map((value) => Math.hypot(value, imaginary));
  if (threshold !== undefined) return CUBE.map((value) => (value > threshold ? 1 : 0));
  return clipped ? CUBE.map((value) => Math.min(value, 120)) : CUBE;
}

function check(cube: ReadCube, file: SmallFile): void {
  assertEquals([cube.format, cube.shape], [file.format, [ROWS, COLS, POINTS]]);
  assertEquals(cube.values, wantedValues(file));
  const { spectral } = cube.axes;
  if (file.spectral) assertEquals([spectral.name, spectral.unit], file.spectral);
  if (file.quantity) assertEquals([cube.quantity, cube.unit], file.quantity);
  const [offset, scale] = file.uniform ?? [0, 1];
  assertClose(spectral.values, file.bias ? BIAS : BIAS.map((_, i) => offset + scale * i), 1e-12, "spectral axis");
  for (const name of file.maps ?? []) {
    const map = cube.maps.find((met) => met.name.endsWith(name));
    assert.ok(map, `map ${name} is missing`);
    assertEquals([...map.values_HW], Array.from({ length: ROWS * COLS }, (_, i) => i));
  }
}

for (const [name, file] of Object.entries(files)) {
  if (file.secret) continue;
  Deno.test(`${name}: ${file.error ? `is refused as ${file.error}` : "gives the cube back"}`, async () => {
    if (file.error) return void await assertFailsWith(file.error, () => readCube(bytesOf(file)));
    check(await readCube(bytesOf(file)), file);
    if (!file.channel) return;
    const chosen = await readCube(bytesOf(file), { channel: file.channel });
    assertEquals(chosen.values, CUBE.map((value) => value + file.channelShift!));
  });
}

/** The file with its placeholder replaced by a path, which HDF5 ends at the first zero. */
function pointedAt(file: SmallFile, path: string): Uint8Array {
  const bytes = bytesOf(file);
  const text = new TextDecoder("latin1").decode(bytes);
  const at = text.indexOf(file.secret!);
  assert.ok(at > 0, "the placeholder is in the file");
  bytes.fill(0, at, at + file.secret!.length);
  bytes.set(new TextEncoder().encode(path), at);
  return bytes;
}

Deno.test("a filter that is not read is named, and gzip asked for", async () => {
  const bytes = bytesOf(files["plain lzf"]);
  const [lzf, zfp] = [Uint8Array.of(0x00, 0x7d), Uint8Array.of(0x0d, 0x7d)];
  const at = bytes.findIndex((byte, i) => byte === lzf[0] && bytes[i + 1] === lzf[1]);
  bytes.set(zfp, at);
  const error = await assertFailsWith("hdf5_filter", () => readCube(bytes));
  assert.match(error.message, /compressed with ZFP; expected gzip/);
});

Deno.test("external storage cannot show another file's content", async () => {
  const secret = new Uint8Array(Float64Array.from(CUBE).buffer);
  await withFile(secret, async (secretPath) => {
    const crafted = pointedAt(files["hostile external"], secretPath);
    await withFile(crafted, async (path) => {
      // Without our protection the other file's bytes are the cube.
      await unprotected.ready;
      const open = new unprotected.File(path, "r");
      assertEquals([...(open.get("cube") as unprotected.Dataset).value as Float64Array], CUBE);
      open.close();
    });
    await assertFailsWith("hdf5_damaged", () => readCube(crafted));
  });
});

Deno.test("a virtual dataset is refused, whatever it is made of", async () => {
  const crafted = bytesOf(files["hostile virtual"]);
  await assertFailsWith("virtual_dataset", () => readCube(crafted));
  await assertFailsWith("virtual_dataset", () => readCube(crafted, { dataset: "cube" }));
});

Deno.test("complex raw data beside a cube are named and not taken", async () => {
  const cube = await readCube(bytesOf(files["usid"]));
  const path = "/Measurement_000/Channel_000/Complex";
  assert.ok(cube.notes.includes(`Not taken, since values are complex: ${path}`), cube.notes.join());
  await assertFailsWith("complex_values", () => readCube(bytesOf(files["usid"]), { dataset: path }));
});

Deno.test("a heap on which the HDF5 library would turn in circles is damage", async () => {
  const whole = bytesOf(files["nsid"]);
  const heap = new TextDecoder("latin1").decode(whole).indexOf("GCOL");
  assert.ok(heap > 0, "the file has a global heap");
  // Objects of index 0 and size 0: free space that leads to itself.
  const endless = whole.slice();
  endless.fill(0, heap + 80, heap + 400);
  await assertFailsWith("hdf5_damaged", () => readCube(endless));
  // The first object's size is 2^40: nothing in 32 bits.
  const overflowing = whole.slice();
  overflowing.set([0, 0, 0, 0, 0, 1, 0, 0], heap + 24);
  await assertFailsWith("hdf5_damaged", () => readCube(overflowing));
});
