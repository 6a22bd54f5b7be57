import fc from "fast-check";
import { fitStandardiser, standardise, unstandardise } from "../../lib/cube/scale.ts";
import { assert, assertClose, assertEquals } from "../support/assert.ts";

Deno.test("global scaling has one mean and deviation, perStep one for each column, none changes nothing", () => {
  const values = Float32Array.of(1, 10, 3, 30);
  assertEquals(fitStandardiser(values, 2, "global"), { mean: 11, std: Math.sqrt((100 + 1 + 64 + 361) / 4) });
  assertEquals(fitStandardiser(values, 2, "perStep"), { mean: [2, 20], std: [1, 10] });
  assertEquals(fitStandardiser(values, 2, "none"), { mean: 0, std: 1 });
  assertEquals([...standardise(values, fitStandardiser(values, 2, "perStep"))], [-1, -1, 1, 1]);
});

Deno.test("what does not vary becomes 0 and comes back", () => {
  for (const level of [0, 5e-5, -7, 1e9]) {
    const values = new Float32Array(12).fill(level);
    for (const scaling of ["global", "perStep"] as const) {
      const scaler = fitStandardiser(values, 3, scaling);
      assertClose(standardise(values, scaler), new Float32Array(12), Math.abs(level) * 1e-6, scaling);
      assertEquals([...unstandardise(standardise(values, scaler), scaler)], [...values]);
    }
  }
});

Deno.test("a step that does not vary is scaled like those that do, so that a prediction near it stays near it", () => {
  const values = Float32Array.of(1e-12, 0, 4e-12, 5e-12, 0, 4e-12, 3e-12, 0, 4e-12);
  const { std } = fitStandardiser(values, 3, "perStep");
  assertClose(std as number[], new Array(3).fill(Math.sqrt(8 / 3) * 1e-12), 1e-18);
  const level = fitStandardiser(new Float32Array(4).fill(-2e-12), 1, "global").std as number;
  assertClose([level], [2e-12], 1e-18);
});

Deno.test("scaling comes back within float32 rounding (property)", () => {
  const row = fc.array(fc.float({ noNaN: true, min: -1000, max: 1000 }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1 }), fc.constantFrom("global", "perStep", "none"), (rows, scaling) => {
      const values = Float32Array.from(rows.flat());
      const scaler = fitStandardiser(values, 3, scaling as "global");
      assertClose(unstandardise(standardise(values, scaler), scaler), values, 2e-3);
    }),
  );
});

Deno.test("rows that are not whole are refused", () => {
  assert.throws(() => standardise(new Float32Array(4), { mean: [0, 0, 0], std: [1, 1, 1] }), /4 values.*3 steps/);
});
