import fc from "fast-check";
import { extendedLength, extendedNeighbours, patchCells } from "../../lib/compute/extended_axis.ts";
import { assertClose, assertEquals } from "../support/assert.ts";

const KERNEL = [0.3, -1.2, 0.7];

/** One "same" convolution with a bias, so that padding differs from what a cell outside would hold. */
function convolve(values: ArrayLike<number>): number[] {
  const at = (i: number) => i < 0 || i >= values.length ? 0 : values[i];
  return Array.from({ length: values.length }, (_, i) => KERNEL.reduce((sum, k, d) => sum + k * at(i + d - 1), 0.5));
}

Deno.test("on extended axes every patch has what it would have alone", () => {
  const caseArbitrary = fc.record({
    layers: fc.integer({ min: 1, max: 4 }),
    positions: fc.integer({ min: 1, max: 6 }),
    extra: fc.integer({ min: 0, max: 4 }),
  });
  fc.assert(fc.property(caseArbitrary, ({ layers, positions, extra }) => {
    const window = 2 * layers + extra;
    const line = Array.from({ length: positions + window - 1 }, (_, i) => Math.sin(3 * i + 1));
    let cells = line;
    for (let layer = 1; layer <= layers; layer++) {
      const neighbours = extendedNeighbours(layer, positions, window);
      assertEquals(neighbours.length, 3 * extendedLength(layer, positions, window));
      const before = cells;
      const at = (i: number) => i < 0 ? 0 : before[i];
      cells = Array.from(
        { length: neighbours.length / 3 },
        (_, i) => KERNEL.reduce((sum, k, d) => sum + k * at(neighbours[3 * i + d]), 0.5),
      );
    }
    const where = patchCells(layers, positions, window);
    for (let cut = 0; cut < positions; cut++) {
      let alone = line.slice(cut, cut + window);
      for (let layer = 0; layer < layers; layer++) alone = convolve(alone);
      const shared = Array.from(where.subarray(cut * window, (cut + 1) * window), (cell) => cells[cell]);
      assertClose(shared, alone, 1e-12, `patch at ${cut}`);
    }
  }));
});
