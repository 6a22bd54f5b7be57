export interface Place {
  row: number;
  col: number;
}

/** Rounds of improvement at most: each looks at every pair. */
const MOST_ROUNDS = 50;

/**
 * Places in the order of a short way through them from `from` (from the first place without it): always to the nearest, then
 * stretches are reversed as long as that shortens the way (2-opt). The way does not return.
 */
export function shortestPath<T extends Place>(places: readonly T[], from?: Place): { places: T[]; length: number } {
  const left = [...places];
  const ordered: T[] = [];
  let last: Place | undefined = from;
  while (left.length > 0) {
    const at = last ? nearestTo(last, left) : 0;
    last = left[at];
    ordered.push(...left.splice(at, 1));
  }
  const path: Place[] = from ? [from, ...ordered] : ordered;
  for (let round = 0; round < MOST_ROUNDS && reverseStretches(path); round++);
  return { places: (from ? path.slice(1) : path) as T[], length: lengthOf(path) };
}

/** Length of the way through places, in pixels. */
function lengthOf(path: readonly Place[]): number {
  return path.slice(1).reduce((sum, place, i) => sum + distance(path[i], place), 0);
}

function nearestTo(from: Place, places: readonly Place[]): number {
  let best = 0;
  for (let i = 1; i < places.length; i++) if (distance(from, places[i]) < distance(from, places[best])) best = i;
  return best;
}

/** Reverses every stretch whose reversal shortens the way; the first place stays. False where there was none. */
function reverseStretches(path: Place[]): boolean {
  let isShorter = false;
  for (let i = 0; i + 2 < path.length; i++) {
    for (let k = i + 2; k < path.length; k++) {
      const after = path[k + 1]; // none behind the last place
      const before = distance(path[i], path[i + 1]) + (after ? distance(path[k], after) : 0);
      const reversed = distance(path[i], path[k]) + (after ? distance(path[i + 1], after) : 0);
      if (reversed < before - 1e-9) {
        path.splice(i + 1, k - i, ...path.slice(i + 1, k + 1).reverse());
        isShorter = true;
      }
    }
  }
  return isShorter;
}

function distance(a: Place, b: Place): number {
  return Math.hypot(a.row - b.row, a.col - b.col);
}
