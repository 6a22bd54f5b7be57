import assert from "node:assert/strict";

export { assert };
export const assertEquals: (actual: unknown, expected: unknown, message?: string) => void = assert.deepEqual;

/** |actual - expected| <= tolerance for every element, and the same length and NaN pattern. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  message = "values",
): void {
  assert.equal(actual.length, expected.length, `${message}: length`);
  for (let i = 0; i < expected.length; i++) {
    if (Number.isNaN(expected[i]) && Number.isNaN(actual[i])) continue;
    const difference = Math.abs(actual[i] - expected[i]);
    assert.ok(difference <= tolerance, `${message}[${i}]: met ${actual[i]}; expected ${expected[i]} +- ${tolerance}`);
  }
}

/** As `assertClose`, with the tolerance relative to the largest magnitude of `expected`. */
export function assertCloseToLargest(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative: number,
  message = "values",
): void {
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]) || 0);
  assertClose(actual, expected, relative * Math.max(largest, 1e-30), message);
}

/** Asserts that `run` throws (or rejects with) a LoopscopeError of this code and returns it. */
export async function assertFailsWith(code: string, run: () => unknown): Promise<Error & { code: string }> {
  try {
    await run();
  } catch (error) {
    const met = (error as { code?: string }).code;
    assert.equal(met, code, `met ${met}: ${(error as Error).message}`);
    return error as Error & { code: string };
  }
  return assert.fail(`nothing was thrown; expected ${code}`);
}
