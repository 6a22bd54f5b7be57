/** Signed area and centroid of the closed polygon through the points (x, y) in order. */
export interface Polygon {
  /** Half the shoelace sum; positive where the points run anticlockwise. */
  signedArea: number;
  centroidX: number;
  centroidY: number;
}

/**
 * |shoelace| of the closed polygon: what shapely's `Polygon.area` gives, so the lobes of a polygon that crosses itself
 * cancel. Unit: unit of x times unit of y. NaN where any coordinate is. `offset` is where y starts in a longer array.
 */
export function polygonArea(x: ArrayLike<number>, y: ArrayLike<number>, offset = 0): number {
  const n = x.length;
  let twice = 0;
  for (let i = 0, j = n - 1; i < n; j = i++) twice += x[j] * y[offset + i] - x[i] * y[offset + j];
  return Math.abs(twice) / 2;
}

/**
 * Area and centroid by the shoelace formulas. The centroid of a polygon without area (a line) is the mean of its
 * points, since the formula divides by the area.
 */
export function polygonOf(x: ArrayLike<number>, y: ArrayLike<number>): Polygon {
  const n = x.length;
  let twice = 0, sumX = 0, sumY = 0, meanX = 0, meanY = 0, scale = 0;
  for (let i = 0, j = n - 1; i < n; j = i++) {
    const cross = x[j] * y[i] - x[i] * y[j];
    twice += cross;
    sumX += (x[j] + x[i]) * cross;
    sumY += (y[j] + y[i]) * cross;
    meanX += x[i] / n;
    meanY += y[i] / n;
    scale += Math.abs(cross);
  }
  const flat = Math.abs(twice) <= 1e-12 * scale || twice === 0;
  return {
    signedArea: twice / 2,
    centroidX: flat ? meanX : sumX / (3 * twice),
    centroidY: flat ? meanY : sumY / (3 * twice),
  };
}
