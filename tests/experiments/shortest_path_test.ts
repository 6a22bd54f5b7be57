import fc from "fast-check";
import { shortestPath } from "../../lib/experiments/shortest_path.ts";
import { assert, assertClose, assertEquals } from "../support/assert.ts";

Deno.test("places on a circle are gone through in order, and the length is that of the way", () => {
  const circle = Array.from({ length: 12 }, (_, i) => ({
    row: 50 + 40 * Math.cos(2 * Math.PI * i / 12),
    col: 50 + 40 * Math.sin(2 * Math.PI * i / 12),
    i,
  }));
  const shuffled = [0, 5, 3, 8, 1, 11, 6, 2, 10, 4, 9, 7].map((i) => circle[i]);
  const { places, length } = shortestPath(shuffled, circle[0]);
  assertClose([length], [11 * 80 * Math.sin(Math.PI / 12)], 1e-9);
  assertEquals(places[0].i, 0);
  assert(Math.abs(places[1].i - 6) === 5, "the second is a neighbour of the first");
});

Deno.test("the way has every place once, and is never longer than that to the nearest each time", () => {
  const place = fc.record({ row: fc.integer({ min: 0, max: 60 }), col: fc.integer({ min: 0, max: 60 }) });
  fc.assert(fc.property(fc.array(place, { maxLength: 40 }), place, (given, from) => {
    const { places, length } = shortestPath(given, from);
    const sorted = (list: typeof given) => list.map(({ row, col }) => row * 100 + col).sort((a, b) => a - b);
    assertEquals(sorted(places), sorted(given));
    const way = (list: typeof given) =>
      list.reduce((sum, to, i) => {
        const at = list[i - 1] ?? from;
        return sum + Math.hypot(to.row - at.row, to.col - at.col);
      }, 0);
    assertClose([length], [way(places)], 1e-9);
    assert(length <= nearestFirst(given, from) + 1e-9);
  }));
});

function nearestFirst(places: { row: number; col: number }[], from: { row: number; col: number }): number {
  const left = [...places];
  let [sum, at] = [0, from];
  while (left.length > 0) {
    const distances = left.map(({ row, col }) => Math.hypot(row - at.row, col - at.col));
    const least = Math.min(...distances);
    sum += least;
    at = left.splice(distances.indexOf(least), 1)[0];
  }
  return sum;
}
