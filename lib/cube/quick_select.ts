/**
 * The k-th smallest value (k from 0) of the first `length` entries, which it reorders in place so that no entry before
 * k is larger. Hoare's algorithm with a median-of-three pivot; the values must be free of NaN.
 */
export function quickSelect(values: Float32Array | Float64Array, k: number, length: number = values.length): number {
  let low = 0;
  let high = length - 1;
  while (low < high) {
    const pivot = medianOfThree(values[low], values[(low + high) >> 1], values[high]);
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i > j) break;
      const held = values[i];
      values[i++] = values[j];
      values[j--] = held;
    }
    if (k <= j) high = j;
    else if (k >= i) low = i;
    else break;
  }
  return values[k];
}

/** Median of the first `length` entries, reordering them; NaN when there are none. */
export function medianInPlace(values: Float32Array | Float64Array, length: number = values.length): number {
  if (length === 0) return NaN;
  const middle = length >> 1;
  const upper = quickSelect(values, middle, length);
  if (length % 2 === 1) return upper;
  let lower = values[0];
  for (let i = 1; i < middle; i++) if (values[i] > lower) lower = values[i];
  return (lower + upper) / 2;
}

function medianOfThree(a: number, b: number, c: number): number {
  return a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
}
