import { measuredValues } from "../../lib/service/experiments/measured_values.ts";
import { createRandom } from "../../lib/base/random.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("spectra are at their pixels, NaN elsewhere, in whatever parts they are read", async () => {
  const [rows, cols, points] = [5, 4, 3];
  const pixels = Int32Array.from([17, 3, 4, 0]);
  const values_NS = Float32Array.from({ length: 12 }, (_, i) => i + 1);
  const whole = new Float32Array(rows * cols * points).fill(NaN);
  pixels.forEach((pixel, n) => whole.set(values_NS.subarray(n * points, (n + 1) * points), pixel * points));
  const bytes = new Uint8Array(whole.buffer);
  const source = measuredValues({ pixels, values_NS }, rows, cols);
  assertEquals(source.sizeBytes, bytes.length);
  const random = createRandom(1);
  for (let round = 0; round < 50; round++) {
    const [start, end] = [random.integer(bytes.length), random.integer(bytes.length + 1)].sort((a, b) => a - b);
    const parts: number[] = [];
    for await (const part of source.read(start, end)) parts.push(...part);
    assertEquals(parts, [...bytes.subarray(start, end)]);
  }
});
