/** Corners as [row, col] in pixels, closed from the last to the first. */
export type Polygon = readonly (readonly [row: number, col: number])[];

/** Tolerance for centres on an edge, in pixels. */
const ON_EDGE = 1e-9;

/** 1 where a pixel's centre is inside a polygon or on its edge; rows x cols. A polygon that crosses itself is filled by the even-odd rule. */
export function forbiddenPixels(polygons: readonly Polygon[], rows: number, cols: number): Uint8Array {
  const mask_HW = new Uint8Array(rows * cols);
  for (const polygon of polygons) {
    for (let row = 0; row < rows; row++) {
      // Each edge counts at one of its two ends: both ways together fill flat tops and bottoms as well.
      for (const isCrossed of [crossedFromAbove, crossedFromBelow]) {
        const crossings = crossingsOf(polygon, row, isCrossed);
        for (let i = 0; i + 1 < crossings.length; i += 2) {
          const first = Math.max(0, Math.ceil(crossings[i] - ON_EDGE));
          const last = Math.min(cols - 1, Math.floor(crossings[i + 1] + ON_EDGE));
          if (first <= last) mask_HW.fill(1, row * cols + first, row * cols + last + 1);
        }
      }
    }
  }
  return mask_HW;
}

function crossedFromAbove(low: number, high: number, row: number): boolean {
  return low <= row && row < high;
}

function crossedFromBelow(low: number, high: number, row: number): boolean {
  return low < row && row <= high;
}

/** Columns at which the edges cross a row, ascending. */
function crossingsOf(polygon: Polygon, row: number, isCrossed: typeof crossedFromAbove): number[] {
  const crossings: number[] = [];
  polygon.forEach(([rowA, colA], i) => {
    const [rowB, colB] = polygon[(i + 1) % polygon.length];
    if (!isCrossed(Math.min(rowA, rowB), Math.max(rowA, rowB), row)) return;
    crossings.push(colA + (row - rowA) / (rowB - rowA) * (colB - colA));
  });
  return crossings.sort((a, b) => a - b);
}
