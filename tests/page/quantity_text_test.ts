import { assertEquals } from "../support/assert.ts";
import {
  durationText,
  numberText,
  quantityText,
  roundLength,
  sizeText,
  ticks,
  unitFor,
} from "../../routes/page/src/quantity_text.ts";

Deno.test("values get a prefix where their unit takes one", () => {
  assertEquals(quantityText(5e-7, "m", 3), "500 nm");
  assertEquals(quantityText(-0.0328, "V", 3), "−32.8 mV");
  assertEquals(quantityText(1500, "Hz", 3), "1.5 kHz");
  assertEquals(quantityText(1.2e-5, "a.u.", 3), "1.2×10⁻⁵ a.u.");
  assertEquals(quantityText(NaN, "V"), "–");
});

Deno.test("an axis of small values without a prefixed unit carries a power of ten", () => {
  const [factor, unit] = unitFor(4.5e-5, "a.u.");
  assertEquals([Math.round(4.5e-5 * factor), unit], [45, "10⁻⁶ a.u."]);
  assertEquals(unitFor(12, "a.u."), [1, "a.u."]);
});

Deno.test("numbers are as short as they can be", () => {
  assertEquals([0, 0.1 + 0.2, 12345.678, -3.5, 2.5e6].map((x) => numberText(x)), [
    "0",
    "0.3",
    "12350",
    "−3.5",
    "2.50×10⁶",
  ]);
});

Deno.test("lengths, sizes and times read as people write them", () => {
  assertEquals([0.9, 3, 7, 42, 999].map(roundLength), [0.5, 2, 5, 20, 500]);
  assertEquals([999, 1500, 2_500_000].map(sizeText), ["999 B", "1.5 kB", "2.5 MB"]);
  assertEquals([0.2, 59, 61, 3700].map(durationText), ["1 s", "59 s", "1 min 1 s", "1 h 2 min"]);
});

Deno.test("ticks are round and inside the range", () => {
  assertEquals(ticks([-8.5, 8.5], 7), [-7.5, -5, -2.5, 0, 2.5, 5, 7.5]);
  assertEquals(ticks([0, 0], 5), [0]);
});
