import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { manifoldGrid } from "../../lib/analysis/manifold_grid.ts";
import { meanOfRows, nearestPoints } from "../../lib/analysis/nearest.ts";

/** 101 points in 3-D: 0..100, its double, and its square; and one with a NaN. */
const LATENTS = Float32Array.of(...Array.from({ length: 101 }, (_, n) => [n, 2 * n, n * n]).flat(), NaN, 0, 0);

Deno.test("the grid spans the central 98 % of two dims and holds the other at its median", () => {
  const { z0, z1, latents_NL } = manifoldGrid(LATENTS, { size: 3, steps: 5, dims: [1, 0] });
  assertClose(z0, [2, 51, 100, 149, 198], 1e-9);
  assertClose(z1, [1, 25.5, 50, 74.5, 99], 1e-9);
  assertEquals(latents_NL.length, 5 * 5 * 3);
  assertClose(latents_NL.subarray(3 * 7, 3 * 8), [50, 51, 2500], 1e-3, "node at row 1, column 2");
});

Deno.test("dims outside the latent, twice the same or not whole are refused with what was met", async () => {
  for (const dims of [[0, 3], [1, 1], [-1, 0], [0.5, 1]] as [number, number][]) {
    const error = await assertFailsWith(
      "dims_outside_latent",
      () => manifoldGrid(LATENTS, { size: 3, steps: 4, dims }),
    );
    assert.match(error.message, new RegExp(`0 to 2; received ${dims}`));
  }
  await assertFailsWith("too_few_points", () => manifoldGrid([NaN, 1], { size: 2, steps: 4, dims: [0, 1] }));
});

Deno.test("a single latent variable is varied along z0 alone", () => {
  const { z0, z1, latents_NL } = manifoldGrid([4, 0, 2, 1, 3], { size: 1, steps: 3, dims: [0, 1] });
  assertClose(z0, [0.04, 2, 3.96], 1e-12);
  assertEquals([...z1], [0]);
  assertClose(latents_NL, z0, 1e-6);
});

Deno.test("nearest points come nearest first, without those that are NaN", () => {
  assertEquals([...nearestPoints(LATENTS, [50.2, 100.4, 2520], 3)], [50, 51, 49]);
  assertEquals(nearestPoints(LATENTS, [0, 0, 0], 500).length, 101);
  assertClose(meanOfRows([1, 2, 3, 4, 5, 6], 2, [0, 2]), [3, 4], 0);
  assert.ok(Number.isNaN(meanOfRows([1, 2], 2, [])[0]));
});
