import { zlibSync } from "fflate";
import { createRandom } from "../../lib/base/random.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { readCube } from "./support/with_file.ts";

const [PAGES, ROWS, COLS] = [5, 6, 7];
const valueAt = (row: number, col: number, page: number) => 20 * row + 3 * col + page;

interface Made {
  little?: boolean;
  /** Bits a value and TIFF's sample format: 1 unsigned, 2 signed, 3 float. */
  bits?: number;
  format?: number;
  compression?: number;
  predictor?: number;
  rowsPerStrip?: number;
  description?: string;
  pages?: number;
  samples?: number;
}

/** A TIFF of grey pages in strips. */
function writeTiff(made: Made = {}): Uint8Array<ArrayBuffer> {
  const {
    little = true,
    bits = 16,
    format = 1,
    compression = 1,
    predictor = 1,
    rowsPerStrip = ROWS,
    description,
    pages = PAGES,
    samples = 1,
  } = made;
  const bytes: number[] = [];
  const put = (at: number, values: number[]) => values.forEach((value, i) => bytes[at + i] = value);
  const word = (value: number, size: number) => {
    const all = Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) % 256);
    return little ? all : all.reverse();
  };
  put(0, [...(little ? [0x49, 0x49] : [0x4d, 0x4d]), ...word(42, 2), ...word(0, 4)]);
  let link = 4;
  for (let page = 0; page < pages; page++) {
    const strips: { at: number; length: number }[] = [];
    for (let top = 0; top < ROWS; top += rowsPerStrip) {
      const stored = pack(
        stripOf(page, top, Math.min(rowsPerStrip, ROWS - top), { little, bits, format, predictor }),
        compression,
      );
      strips.push({ at: bytes.length, length: stored.length });
      put(bytes.length, [...stored]);
    }
    const long = (values: number[]) => {
      if (values.length === 1) return word(values[0], 4);
      const at = bytes.length;
      put(at, values.flatMap((value) => word(value, 4)));
      return word(at, 4);
    };
    const short = (value: number) => little ? [...word(value, 2), 0, 0] : [...word(value, 2), 0, 0];
    const fields: [code: number, type: number, count: number, value: number[]][] = [
      [256, 4, 1, long([COLS])],
      [257, 4, 1, long([ROWS])],
      [258, 3, 1, short(bits)],
      [259, 3, 1, short(compression)],
      [262, 3, 1, short(samples === 1 ? 1 : 2)],
      [273, 4, strips.length, long(strips.map(({ at }) => at))],
      [277, 3, 1, short(samples)],
      [278, 4, 1, long([rowsPerStrip])],
      [279, 4, strips.length, long(strips.map(({ length }) => length))],
      [317, 3, 1, short(predictor)],
      [339, 3, 1, short(format)],
    ];
    if (description !== undefined) {
      const text = [...new TextEncoder().encode(description), 0];
      const at = bytes.length;
      put(at, text);
      const resolution = bytes.length;
      put(resolution, [...word(4, 4), ...word(1, 4)]);
      fields.push([270, 2, text.length, word(at, 4)], [282, 5, 1, word(resolution, 4)], [
        283,
        5,
        1,
        word(resolution, 4),
      ]);
    }
    const at = bytes.length;
    put(link, word(at, 4));
    fields.sort(([a], [b]) => a - b);
    put(at, [
      ...word(fields.length, 2),
      ...fields.flatMap((
        [code, type, count, value],
      ) => [...word(code, 2), ...word(type, 2), ...word(count, 4), ...value]),
    ]);
    link = bytes.length;
    put(link, word(0, 4));
  }
  return Uint8Array.from(bytes);
}

function stripOf(
  page: number,
  top: number,
  rows: number,
  { little, bits, format, predictor }: Required<Pick<Made, "little" | "bits" | "format" | "predictor">>,
) {
  const size = bits / 8;
  const view = new DataView(new ArrayBuffer(rows * COLS * size));
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < COLS; c++) {
      const before = predictor === 2 && c > 0 ? valueAt(top + r, c - 1, page) : 0;
      const value = valueAt(top + r, c, page) - before;
      const at = (r * COLS + c) * size;
      if (format === 3) bits === 32 ? view.setFloat32(at, value, little) : view.setFloat64(at, value, little);
      else if (bits === 8) view.setUint8(at, value);
      else if (bits === 16) view.setInt16(at, value, little);
      else view.setInt32(at, value, little);
    }
  }
  return new Uint8Array(view.buffer);
}

function pack(raw: Uint8Array, compression: number): Uint8Array {
  if (compression === 1) return raw;
  if (compression === 8) return zlibSync(raw);
  if (compression === 32773) return Uint8Array.from([...raw].flatMap((byte) => [0, byte]));
  // LZW of single bytes, begun again before the codes get wider.
  const bits: number[] = [];
  const code = (value: number) => {
    for (let i = 8; i >= 0; i--) bits.push(value >> i & 1);
  };
  raw.forEach((byte, i) => (i % 200 === 0 ? code(256) : undefined, code(byte)));
  code(257);
  while (bits.length % 8) bits.push(0);
  return Uint8Array.from(
    { length: bits.length / 8 },
    (_, i) => bits.slice(8 * i, 8 * i + 8).reduce((sum, bit) => 2 * sum + bit, 0),
  );
}

const EXPECTED: number[] = [];
for (let r = 0; r < ROWS; r++) {
  for (let c = 0; c < COLS; c++) for (let p = 0; p < PAGES; p++) EXPECTED.push(valueAt(r, c, p));
}

const KINDS: Record<string, Made> = {
  "uint8": { bits: 8 },
  "int16, big endian": { bits: 16, format: 2, little: false },
  "int32": { bits: 32, format: 2 },
  "float32, big endian": { bits: 32, format: 3, little: false },
  "float64": { bits: 64, format: 3 },
  "strips of two rows": { rowsPerStrip: 2 },
  "strips that do not divide the page": { rowsPerStrip: 4, compression: 8 },
  "deflate with differences": { compression: 8, predictor: 2 },
  "LZW": { compression: 5 },
  "PackBits, big endian": { compression: 32773, little: false },
};

for (const [name, made] of Object.entries(KINDS)) {
  Deno.test(`a stack of pages, ${name}: pages are spectral steps`, async () => {
    const cube = await readCube(writeTiff(made));
    assertEquals([cube.format, cube.shape], ["tiff", [ROWS, COLS, PAGES]]);
    assertEquals(cube.values, EXPECTED);
    assertEquals(cube.axes.spectral.values, [0, 1, 2, 3, 4]);
  });
}

Deno.test("ImageJ's spacing, unit and resolution are the axes", async () => {
  const description = "ImageJ=1.53t\nimages=5\nslices=5\nunit=nm\nspacing=0.5\n";
  const { axes } = await readCube(writeTiff({ description }));
  assertClose(axes.spectral.values, [0, 0.5, 1, 1.5, 2], 1e-12, "slices");
  assertEquals([axes.spectral.unit, axes.row.unit], ["nm", "nm"]);
  assertClose(axes.col.values.slice(0, 3), [0, 0.25, 0.5], 1e-12, "columns");
});

Deno.test("one page, colours and unknown compression are refused in words", async () => {
  assert.match(
    (await assertFailsWith("cube_needed", () => readCube(writeTiff({ pages: 1 })))).message,
    /one image of 6 x 7/,
  );
  await assertFailsWith("tiff_colour", () => readCube(writeTiff({ samples: 3 })));
  assert.match(
    (await assertFailsWith("tiff_compression", () => readCube(writeTiff({ compression: 7 })))).message,
    /method 7/,
  );
});

Deno.test("damaged TIFF files are refused or read within their bounds", async () => {
  const random = createRandom(5);
  for (let round = 0; round < 150; round++) {
    const whole = writeTiff(Object.values(KINDS)[round % 10]);
    const bytes = whole.slice(0, round % 3 === 0 ? Math.floor(whole.length * random.uniform()) : whole.length);
    for (let k = 0; k < 1 + round % 4; k++) {
      bytes[Math.floor(bytes.length * random.uniform())] = Math.floor(256 * random.uniform());
    }
    try {
      const { values, shape } = await readCube(bytes);
      assertEquals(values.length, shape[0] * shape[1] * shape[2]);
    } catch (error) {
      assert.match(String((error as { code?: string }).code), /^[a-z0-9_]+$/, String((error as Error).stack));
    }
  }
});
