import fc from "fast-check";
import { sortStream } from "../../lib/formats/hdf5/dialects/velox_stream.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("every event is counted at its pixel, whatever the frames, and none outside the spectrum", () => {
  const event = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant(65535));
  fc.assert(fc.property(fc.array(event), fc.integer({ min: 1, max: 5 }), (stream, pixels) => {
    const points = 7;
    const wanted = Array.from({ length: pixels }, () => new Array<number>(points).fill(0));
    let outside = 0, ended = 0;
    for (const value of stream) {
      if (value === 65535) ended++;
      else if (value < points) wanted[ended % pixels][value]++;
      else outside++;
    }
    const sorted = sortStream(stream, pixels, points);
    const met = wanted.map((_, pixel) => {
      const counts = new Array<number>(points).fill(0);
      for (let i = sorted.starts[pixel]; i < sorted.starts[pixel + 1]; i++) counts[sorted.channels[i]]++;
      return counts;
    });
    assertEquals([met, sorted.outside], [wanted, outside]);
  }));
});
