import { createRandom } from "../../lib/base/random.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { type ReadCube, readCube } from "./support/with_file.ts";
import { type DmElements, type DmTag, writeDm } from "./support/write_dm.ts";

const [ROWS, COLS, POINTS] = [4, 5, 6];
const valueAt = (row: number, col: number, step: number) => 100 * row + 10 * col + step;

interface Elements {
  type: number;
  /** DigitalMicrograph's own code of an image's type. */
  dataType: number;
  bytes: number;
  set(view: DataView, at: number, value: number, little: boolean): void;
}
const INT16: Elements = { type: 2, dataType: 1, bytes: 2, set: (v, at, x, le) => v.setInt16(at, x, le) };
const UINT16: Elements = { type: 4, dataType: 10, bytes: 2, set: (v, at, x, le) => v.setUint16(at, x, le) };
const FLOAT32: Elements = { type: 6, dataType: 2, bytes: 4, set: (v, at, x, le) => v.setFloat32(at, x, le) };
const FLOAT64: Elements = { type: 7, dataType: 12, bytes: 8, set: (v, at, x, le) => v.setFloat64(at, x, le) };

function elements(values: readonly number[], kind: Elements, little: boolean): DmElements {
  const view = new DataView(new ArrayBuffer(values.length * kind.bytes));
  values.forEach((value, i) => kind.set(view, i * kind.bytes, value, little));
  return { type: kind.type, length: values.length, bytes: new Uint8Array(view.buffer) };
}

const scale = (unit: string, step: number, origin: number): DmTag => ({ Origin: origin, Scale: step, Units: unit });

function image(
  name: string,
  dims: number[],
  data: DmElements,
  kind: Elements,
  dimension: DmTag[],
  tags: DmTag = {},
): DmTag {
  return {
    ImageData: {
      Calibrations: { Brightness: scale("Counts", 1, 0), Dimension: dimension },
      Data: data,
      DataType: kind.dataType,
      Dimensions: dims,
    },
    ImageTags: tags,
    Name: name,
  };
}

interface Made {
  version: 3 | 4;
  little: boolean;
  kind: Elements;
  /** The energy is the first of DigitalMicrograph's dimensions. */
  swapped?: boolean;
  units?: boolean;
  /** Of the spectrum. */
  unit?: string;
}

/** A spectrum image with a thumbnail in colour before it and a survey image behind. */
function spectrumImage({ version, little, kind, swapped = false, units = true, unit = "eV" }: Made): Uint8Array {
  const values: number[] = [];
  if (swapped) {
    for (let r = 0; r < ROWS; r++) {
      for (let c = 0; c < COLS; c++) for (let s = 0; s < POINTS; s++) values.push(valueAt(r, c, s));
    }
  } else {
    for (let s = 0; s < POINTS; s++) {
      for (let r = 0; r < ROWS; r++) for (let c = 0; c < COLS; c++) values.push(valueAt(r, c, s));
    }
  }
  const energy = scale(units ? unit : "", 0.5, -40),
    [x, y] = [scale(units ? "nm" : "", 2, 0), scale(units ? "nm" : "", 3, 0)];
  const meta = { "Meta Data": { Format: "Spectrum image", ...(swapped ? { "Data Order Swapped": 1 } : {}) } };
  const survey = Array.from({ length: ROWS * COLS }, (_, i) => i);
  const thumbnail: DmTag = {
    ImageData: { Data: { type: 10, length: 16, bytes: new Uint8Array(16) }, DataType: 23, Dimensions: [2, 2] },
  };
  const dims = swapped ? [POINTS, COLS, ROWS] : [COLS, ROWS, POINTS];
  const root = {
    ImageList: [
      thumbnail,
      image("SI", dims, elements(values, kind, little), kind, swapped ? [energy, x, y] : [x, y, energy], meta),
      image("HAADF", [COLS, ROWS], elements(survey, INT16, little), INT16, [scale("nm", 2, 0), scale("nm", 3, 0)]),
    ],
  };
  return writeDm(root, { version, little });
}

function check(cube: ReadCube, format: string): void {
  assertEquals([cube.format, cube.shape], [format, [ROWS, COLS, POINTS]]);
  const expected: number[] = [];
  for (let r = 0; r < ROWS; r++) {
    for (let c = 0; c < COLS; c++) for (let s = 0; s < POINTS; s++) expected.push(valueAt(r, c, s));
  }
  assertEquals(cube.values, expected);
  assertEquals(cube.maps.map(({ name }) => name), ["HAADF"]);
  assertEquals([...cube.maps[0].values_HW], Array.from({ length: ROWS * COLS }, (_, i) => i));
  assertEquals(cube.unit, "Counts");
}

for (const version of [3, 4] as const) {
  for (const little of [true, false]) {
    for (const [name, kind] of Object.entries({ INT16, UINT16, FLOAT32, FLOAT64 })) {
      Deno.test(`DM${version}, ${little ? "little" : "big"} endian, ${name}: values, calibrated axes, survey image`, async () => {
        const cube = await readCube(spectrumImage({ version, little, kind }));
        check(cube, "dm");
        const { row, col, spectral } = cube.axes;
        assertEquals([spectral.unit, row.unit, col.unit], ["eV", "nm", "nm"]);
        assertClose(spectral.values, [20, 20.5, 21, 21.5, 22, 22.5], 1e-12, "energies");
        assertClose([row.values[1], col.values[1]], [3, 2], 1e-12, "steps");
      });
    }
  }
}

Deno.test("a swapped spectrum image is the same cube, and without units the format says which axis is the energy", async () => {
  check(await readCube(spectrumImage({ version: 3, little: true, kind: INT16, swapped: true })), "dm");
  const plain = await readCube(spectrumImage({ version: 4, little: true, kind: INT16, units: false }));
  check(plain, "dm");
  assertEquals(plain.axes.spectral.name, "Energy");
});

Deno.test("a spectrum in another length than the places is a wavelength", async () => {
  const cube = await readCube(spectrumImage({ version: 4, little: true, kind: INT16, unit: "µm" }));
  check(cube, "dm");
  assertEquals([cube.axes.spectral.name, cube.axes.spectral.unit], ["Wavelength", "µm"]);
});

Deno.test("a file of images alone is refused with what there is", async () => {
  const list = [image("HAADF", [5, 4], elements(new Array(20).fill(1), INT16, true), INT16, [])];
  const error = await assertFailsWith(
    "cube_needed",
    () => readCube(writeDm({ ImageList: list }, { version: 3, little: true })),
  );
  assert.match(error.message, /HAADF \(an image of 4 x 5\)/);
});

Deno.test("damaged and hostile DM files are refused in words: no hang, no crash, no value that is not in the file", async () => {
  const random = createRandom(11);
  const whole = spectrumImage({ version: 4, little: true, kind: UINT16 });
  const values = new Set((await readCube(whole)).values);
  for (let round = 0; round < 150; round++) {
    const bytes = whole.slice(0, round % 3 === 0 ? Math.floor(whole.length * random.uniform()) : whole.length);
    for (let k = 0; k < 1 + round % 4; k++) {
      bytes[Math.floor(bytes.length * random.uniform())] = Math.floor(256 * random.uniform());
    }
    try {
      const { values: met, shape } = await readCube(bytes);
      assertEquals(met.length, shape[0] * shape[1] * shape[2]);
    } catch (error) {
      assert.match(String((error as { code?: string }).code), /^[a-z0-9_]+$/, String((error as Error).stack));
    }
  }
  assert(values.size > 0);
});

Deno.test("tags without end, deep nesting and lengths beyond the file are refused at once", async () => {
  const head = (...more: number[]) =>
    Uint8Array.from([0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, ...more, ...new Array(64).fill(0)]);
  const deep = head(0, 0, 0, 1, ...new Array(100).fill([20, 0, 0, 0, 0, 0, 0, 0, 1]).flat());
  await assertFailsWith("dm_malformed", () => readCube(deep));
  const long = head(0, 0, 0, 1, 21, 0, 0, 37, 37, 37, 37, 0, 0, 0, 3, 0, 0, 0, 20, 0, 0, 0, 2, 0x7f, 0xff, 0xff, 0xff);
  await assertFailsWith("file_truncated", () => readCube(long));
});
