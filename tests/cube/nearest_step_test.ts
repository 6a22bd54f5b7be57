import { nearestStep } from "../../lib/cube/nearest_step.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("the nearest step is found on a plain axis", () => {
  assertEquals(nearestStep([-2, -1, 0, 1, 2], 0.4), 2);
  assertEquals(nearestStep([5], -100), 0);
  assertEquals(nearestStep([2, 1, 0, -1], 9), 0);
});

Deno.test("a sweep that passes a value twice has a first and a last passage, also when it never hits it exactly", () => {
  const sweep = [0, 1, 2, 1, 0, -1, -2, -1, 0];
  assertEquals([nearestStep(sweep, 1), nearestStep(sweep, 1, "last")], [1, 3]);
  assertEquals([nearestStep(sweep, 0), nearestStep(sweep, 0, "last")], [0, 8]);
  const shifted = sweep.map((value, i) => i < 4 ? value + 0.1 : value);
  assertEquals([nearestStep(shifted, 1), nearestStep(shifted, 1, "last")], [1, 3]);
});
