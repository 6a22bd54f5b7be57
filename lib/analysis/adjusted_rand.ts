/**
 * Agreement of two labellings beyond chance (Hubert and Arabie, J. Classif. 2, 193, 1985): 1 for the same partition,
 * about 0 for unrelated ones. Points labelled negative in either are left out.
 */
export function adjustedRand(a_N: ArrayLike<number>, b_N: ArrayLike<number>): number {
  const pairs = (n: number) => n * (n - 1) / 2;
  const both = new Map<string, number>(), first = new Map<number, number>(), second = new Map<number, number>();
  let count = 0;
  const raise = <T>(counts: Map<T, number>, key: T) => counts.set(key, (counts.get(key) ?? 0) + 1);
  for (let n = 0; n < a_N.length; n++) {
    if (a_N[n] < 0 || b_N[n] < 0) continue;
    count++;
    raise(both, `${a_N[n]},${b_N[n]}`);
    raise(first, a_N[n]);
    raise(second, b_N[n]);
  }
  const total = (counts: Map<unknown, number>) => [...counts.values()].reduce((sum, n) => sum + pairs(n), 0);
  const expected = total(first) * total(second) / pairs(count);
  const most = (total(first) + total(second)) / 2;
  return most === expected ? 1 : (total(both) - expected) / (most - expected);
}
