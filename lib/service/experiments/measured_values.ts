import type { ByteSource } from "../../base/byte_source.ts";
import type { MeasuredPoints } from "../../store/ports/experiment_store.ts";

/**
 * The spectra of a map as float32 in the order rows, columns, points, made a row at a time: NaN where nothing was measured.
 */
export function measuredValues({ pixels, values_NS }: MeasuredPoints, rows: number, cols: number): ByteSource {
  const points = values_NS.length / pixels.length;
  const rowBytes = cols * points * 4;
  const order_N = Array.from(pixels.keys()).sort((a, b) => pixels[a] - pixels[b]);
  return {
    sizeBytes: rows * rowBytes,
    async *read(start, end) {
      const firstRow = Math.floor(start / rowBytes);
      let at = order_N.findIndex((n) => pixels[n] >= firstRow * cols);
      for (let row = firstRow; row * rowBytes < end; row++) {
        const values = new Float32Array(cols * points).fill(NaN);
        for (; at >= 0 && at < order_N.length && pixels[order_N[at]] < (row + 1) * cols; at++) {
          const n = order_N[at];
          values.set(values_NS.subarray(n * points, (n + 1) * points), (pixels[n] - row * cols) * points);
        }
        const bytes = new Uint8Array(values.buffer);
        yield bytes.subarray(Math.max(0, start - row * rowBytes), Math.min(rowBytes, end - row * rowBytes));
      }
    },
  };
}
