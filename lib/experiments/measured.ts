/** Pixels that were measured, and what was measured there. */
export interface Measured {
  /** In the order of measurement. */
  pixels: Int32Array;
  /** N x outputs, finite. */
  values_NO: Float64Array;
}

/** The points that were measured first. */
export function firstOf({ pixels, values_NO }: Measured, count: number): Measured {
  const outputs = values_NO.length / pixels.length;
  return { pixels: pixels.subarray(0, count), values_NO: values_NO.subarray(0, count * outputs) };
}
