import { openSource } from "../../lib/formats/registry.ts";
import type { ComplexPart } from "../../lib/schemas/given.ts";
import { createRandom } from "../../lib/base/random.ts";
import { assert, assertCloseToLargest, assertEquals } from "../support/assert.ts";
import { npyBytes } from "./support/npy_bytes.ts";

const SHAPE = [3, 4, 5];
const COUNT = 60;
const OFFSET = 0.7;

/** Amplitudes of either sign along one direction of the complex plane, with some noise. */
function complexValues() {
  const random = createRandom(3);
  const amplitude = Float64Array.from({ length: COUNT }, () => 3 * random.normal());
  const noise = () => 0.01 * random.normal();
  const re = amplitude.map((a) => a * Math.cos(OFFSET) + noise());
  const im = amplitude.map((a) => a * Math.sin(OFFSET) + noise());
  return { amplitude, re, im };
}

async function readPart(bytes: Uint8Array, complex?: ComplexPart) {
  const path = await Deno.makeTempFile({ suffix: ".npy" });
  try {
    await Deno.writeFile(path, bytes);
    const source = await openSource(path);
    try {
      const view = source.open({ complex });
      return { values: [...view.readRows(0, 3)], quantity: view.quantity, unit: view.unit, notes: view.notes };
    } finally {
      source.close();
    }
  } finally {
    await Deno.remove(path);
  }
}

for (const [descr, tolerance] of [["<c16", 1e-12], [">c16", 1e-12], ["<c8", 1e-6]] as const) {
  Deno.test(`${descr}: each part of complex values is what it says, the magnitude where nothing is asked`, async () => {
    const { re, im } = complexValues();
    const item = descr.endsWith("16") ? 8 : 4;
    const bytes = new Uint8Array(2 * item * COUNT);
    const view = new DataView(bytes.buffer);
    const put = (at: number, value: number) =>
      item === 8 ? view.setFloat64(at, value, descr[0] === "<") : view.setFloat32(at, value, descr[0] === "<");
    re.forEach((value, i) => (put(2 * item * i, value), put(2 * item * i + item, im[i])));
    const file = npyBytes(descr, SHAPE, bytes);
    const expected: Record<string, Float64Array> = {
      magnitude: re.map((x, i) => Math.hypot(x, im[i])),
      phase: re.map((x, i) => Math.atan2(im[i], x)),
      real: re,
      imaginary: im,
    };
    for (const part of ["magnitude", "phase", "real", "imaginary"] as const) {
      assertCloseToLargest((await readPart(file, part)).values, expected[part], tolerance, part);
    }
    const plain = await readPart(file);
    assertCloseToLargest(plain.values, expected.magnitude, tolerance, "default");
    assert.match(plain.notes.join(), /complex; their magnitude is read: complex=phase/);
    assertEquals((await readPart(file, "phase")).unit, "rad");
  });
}

Deno.test("a projection finds the direction along which the values vary", async () => {
  const { amplitude, re, im } = complexValues();
  const interleaved = Float64Array.from({ length: 2 * COUNT }, (_, i) => (i % 2 === 0 ? re : im)[i >> 1]);
  const { values, notes } = await readPart(npyBytes("<c16", SHAPE, new Uint8Array(interleaved.buffer)), "projection");
  assertCloseToLargest(values, amplitude, 0.02, "signed amplitudes");
  const offset = Number(/phase - (-?[\d.]+) rad/.exec(notes.join())![1]);
  assert(Math.abs(offset - OFFSET) < 0.01, `offset ${offset}`);
});
