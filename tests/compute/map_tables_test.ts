import fc from "fast-check";
import { axisTiles, MapAxis } from "../../lib/compute/wasm/map_tables.ts";
import { assert, assertEquals } from "../support/assert.ts";

const axisShape = fc.record({
  positions: fc.integer({ min: 1, max: 20 }),
  window: fc.integer({ min: 6, max: 20 }),
  depth: fc.integer({ min: 2, max: 3 }),
});

Deno.test("map axis: each line of each patch has a place, shared exactly where a cut makes no difference", () => {
  fc.assert(fc.property(axisShape, ({ positions, window, depth }) => {
    const axis = new MapAxis(positions, window, depth);
    const known = new Map<number, string>();
    for (let position = 0; position < positions; position++) {
      for (let offset = 0; offset < window; offset++) {
        const line = axis.line(position, offset);
        assert.ok(line >= 0 && line < axis.length);
        const near = offset < depth
          ? `above ${position}`
          : window - 1 - offset < depth
          ? `below ${position}`
          : "inside";
        const what = `${near}, map line ${position + offset}`;
        assert.equal(known.get(line) ?? what, what);
        known.set(line, what);
      }
    }
  }));
});

Deno.test("axis tiles: every line of every patch is computed from its own three lines, or zeros at the cut", () => {
  fc.assert(fc.property(axisShape, ({ positions, window, depth }) => {
    const from = new MapAxis(positions, window, depth - 1), to = new MapAxis(positions, window, depth);
    const taps = new Map<number, number[]>();
    for (const { inputs, outputs } of axisTiles(from, to)) {
      assertEquals(inputs.length, outputs.length + 2);
      outputs.forEach((line, i) => taps.set(line, inputs.slice(i, i + 3)));
    }
    for (let position = 0; position < positions; position++) {
      for (let offset = 0; offset < window; offset++) {
        const wanted = [-1, 0, 1].map((tap) => {
          const at = offset + tap;
          return at < 0 || at >= window ? -1 : from.line(position, at);
        });
        assertEquals(taps.get(to.line(position, offset)), wanted);
      }
    }
  }));
});
