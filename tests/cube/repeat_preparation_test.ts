import { preparationOf, repeatPreparation } from "../../lib/cube/repeat_preparation.ts";
import { prepareCube } from "../../lib/cube/prepare.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import type { Preparation } from "../../lib/schemas/preparation.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

const raw = simulateFilm({ rows: 12, cols: 12, points: 16 }).cube;
const bin: Preparation = { step: "binSpectral", parameters: { factor: 2 } };
const crop: Preparation = { step: "crop", parameters: { row: 2, col: 3, rows: 8, cols: 8 } };
const whole = { row: 0, col: 0, rows: 12, cols: 12 };

Deno.test("a raw cube goes through the model's steps, but for its crop", () => {
  const met = repeatPreparation(raw, [], [crop, bin]);
  assertEquals(met.shape, [12, 12, 8]);
  assertEquals(met.readBlock(whole), prepareCube(raw, [bin]).readBlock(whole));
});

Deno.test("a cube that was prepared like the model's own stays as it is, wherever it was cropped", () => {
  assert.equal(repeatPreparation(raw, [crop, bin], [bin]), raw);
  assert.equal(repeatPreparation(raw, [], undefined), raw);
});

Deno.test("a cube that was prepared in another way is refused", async () => {
  const error = await assertFailsWith("preparation_mismatch", () => repeatPreparation(raw, [bin], []));
  assert.match(error.message, /binSpectral.*no step/);
});

Deno.test("steps are found in a provenance with other entries", () => {
  const provenance = [{ step: "something else", parameters: {} }, {
    step: bin.step,
    parameters: { ...bin.parameters },
  }];
  assertEquals(preparationOf(provenance), [bin]);
});
