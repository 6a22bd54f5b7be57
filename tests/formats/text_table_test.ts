import { createRandom } from "../../lib/base/random.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { type ReadCube, readCube } from "./support/with_file.ts";

const [ROWS, COLS] = [3, 4];
const BIAS = [-2, -0.5, 0.5, 2, 0.5];
const valueAt = (row: number, col: number, step: number) => 10 * row + col + step / 8;

function cells(): number[][] {
  const lines: number[][] = [];
  for (let row = 0; row < ROWS; row++) {
    for (let col = 0; col < COLS; col++) lines.push([0.5 * col, 2 * row, ...BIAS.map((_, s) => valueAt(row, col, s))]);
  }
  const order = createRandom(2).shuffle(Int32Array.from(lines.keys()));
  return [...order].map((n) => lines[n]);
}

function check(cube: ReadCube, options: { tolerance?: number } = {}): void {
  assertEquals([cube.format, cube.shape], ["text", [ROWS, COLS, BIAS.length]]);
  const expected: number[] = [];
  for (let r = 0; r < ROWS; r++) {
    for (let c = 0; c < COLS; c++) for (let s = 0; s < BIAS.length; s++) expected.push(valueAt(r, c, s));
  }
  assertClose(cube.values, expected, options.tolerance ?? 1e-6, "values");
  assertClose(cube.axes.spectral.values, BIAS, 1e-9, "axis");
  assertClose(cube.axes.row.values, [0, 2, 4], 1e-9, "rows");
  assertClose(cube.axes.col.values, [0, 0.5, 1, 1.5], 1e-9, "columns");
}

const text = (lines: readonly string[], end = "\n") => new TextEncoder().encode(lines.join(end) + end);
const header = (separator: string, unit = "") =>
  ["x (um)", "y (um)", ...BIAS.map((v) => `${v}${unit}`)].join(separator);

const WIDE: Record<string, () => Uint8Array> = {
  "commas": () => text([header(","), ...cells().map((line) => line.join(","))]),
  "tabs, units in the header, Windows line ends": () =>
    text([header("\t", " V"), ...cells().map((line) => line.join("\t"))], "\r\n"),
  "semicolons and decimal commas": () =>
    text([
      header(";").replaceAll(".", ","),
      ...cells().map((line) => line.map((v) => String(v).replace(".", ",")).join(";")),
    ]),
  "blanks and comments": () =>
    text([
      "# measured by night",
      "% bias (V)",
      header(" ").replaceAll(" (um)", ""),
      ...cells().map((line) => `  ${line.join("   ")}`),
      "// end",
    ]),
  "quotes and a separator at the end": () =>
    text([
      header(",").split(",").map((cell) => `"${cell}"`).join(",") + ",",
      ...cells().map((line) => line.join(",") + ","),
    ]),
  "UTF-16": () => {
    const content = "\ufeff" + [header("\t"), ...cells().map((line) => line.join("\t"))].join("\n");
    return new Uint8Array(Uint16Array.from(content, (letter) => letter.charCodeAt(0)).buffer);
  },
  "Latin-1": () => {
    const content = [header(";").replaceAll("um", "\u00b5m"), ...cells().map((line) => line.join(";"))].join("\n");
    return Uint8Array.from(content, (letter) => letter.charCodeAt(0));
  },
};

for (const [name, make] of Object.entries(WIDE)) {
  Deno.test(`a line a pixel, ${name}`, async () => {
    const cube = await readCube(make());
    check(cube);
    if (name.startsWith("tabs")) assertEquals([cube.axes.spectral.unit, cube.axes.col.unit], ["V", "um"]);
    if (name.startsWith("blanks")) assertEquals([cube.axes.spectral.name, cube.axes.spectral.unit], ["bias", "V"]);
    if (name === "Latin-1") assertEquals(cube.axes.row.unit, "\u00b5m");
  });
}

Deno.test("a line a value, with a sweep that passes a bias twice", async () => {
  const lines = cells().flatMap(([x, y, ...values]) => values.map((value, s) => `${y},${x},${BIAS[s]},${value}`));
  const cube = await readCube(text(["y [nm],x [nm],Bias [V],Piezoresponse [pm]", ...lines]));
  check(cube);
  const { spectral, row } = cube.axes;
  assertEquals([spectral.name, spectral.unit, row.unit, cube.quantity, cube.unit], [
    "Bias",
    "V",
    "nm",
    "Piezoresponse",
    "pm",
  ]);
});

Deno.test("a pixel without a line is NaN and noted; without a header the steps are counted", async () => {
  const lines = cells().slice(1).map((line) => line.join(","));
  const cube = await readCube(text(lines));
  assertEquals(cube.values.filter(Number.isNaN).length, BIAS.length);
  assert(cube.notes.some((note) => /1 of 12 pixels have no line/.test(note)), cube.notes.join());
  assertEquals(cube.axes.spectral.values, [0, 1, 2, 3, 4]);
});

Deno.test("a table that contradicts itself is refused with its line", async () => {
  const lines = [header(","), ...cells().map((line) => line.join(","))];
  const refused = async (code: string, pattern: RegExp, changed: string[]) =>
    assert.match((await assertFailsWith(code, () => readCube(text(changed)))).message, pattern);
  await refused("text_malformed", /Line 5 has 6 cells; expected 7/, lines.with(4, lines[4].replace(/,[^,]*$/, "")));
  await refused(
    "text_malformed",
    /Line 6, column 3 is "soon"/,
    lines.with(5, lines[5].replace(/^([^,]*,[^,]*),[^,]*/, "$1,soon")),
  );
  await refused("text_malformed", /Two lines have x/, lines.with(3, lines[4]));
  await refused("text_malformed", /places of a grid/, lines.slice(0, 5));
  await refused("unknown_format", /is text/, ["Dear colleague,", "the data will come soon.", "Yours"]);
  await refused("unknown_format", /is text/, ["1,2", "3,4"]);
});

Deno.test("damaged tables are read or refused in words", async () => {
  const random = createRandom(7);
  const whole = text([header(","), ...cells().map((line) => line.join(","))]);
  for (let round = 0; round < 150; round++) {
    const bytes = whole.slice(0, round % 3 === 0 ? Math.floor(whole.length * random.uniform()) : whole.length);
    for (let k = 0; k < 1 + round % 4; k++) {
      bytes[Math.floor(bytes.length * random.uniform())] = round % 2
        ? 32 + Math.floor(90 * random.uniform())
        : Math.floor(256 * random.uniform());
    }
    try {
      const { values, shape } = await readCube(bytes);
      assertEquals(values.length, shape[0] * shape[1] * shape[2]);
    } catch (error) {
      assert.match(String((error as { code?: string }).code), /^[a-z0-9_]+$/, String((error as Error).stack));
    }
  }
});
