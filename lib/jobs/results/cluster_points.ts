import { dbscan, kDistances, suggestRadius } from "../../analysis/dbscan.ts";
import { unprocessable } from "../../base/errors.ts";
import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { createPause } from "../../training/pause.ts";
import type { ResultInput } from "./result_input.ts";

/** All pairs of neighbours are looked at: more points than these would take minutes. */
const MOST_CLUSTERED = 40_000;

/**
 * Density clusters of points N x size with the parameters `radius` (default: from the k-distance curve) and `minPoints`:
 * the label of each point, -1 for noise, and `{radius, minPoints, clusters, noise, kDistances}`. Throws
 * `too_many_points` beyond 40 000.
 */
export async function clusterPoints(
  points_NL: ArrayLike<number>,
  size: number,
  { parameters, signal, progress }: ResultInput,
): Promise<{ labels_N: Int32Array; clusters: number; tree: { [name: string]: ResultTree } }> {
  const count = points_NL.length / size;
  if (count > MOST_CLUSTERED) {
    throw unprocessable(
      "too_many_points",
      `Density clusters take at most ${MOST_CLUSTERED} points; received ${count}; crop the map`,
    );
  }
  const pause = createPause(signal, () => performance.now());
  const minPoints = parameters.minPoints as number;
  const curve = kDistances(points_NL, { size, minPoints });
  progress(0.4);
  await pause();
  const radius = (parameters.radius as number | undefined) ?? suggestRadius(curve);
  const labels_N = dbscan(points_NL, { size, minPoints, radius });
  const clusters = labels_N.reduce((most, label) => Math.max(most, label + 1), 0);
  const noise = labels_N.filter((label) => label < 0).length;
  return {
    labels_N,
    clusters,
    tree: { radius, minPoints, clusters, noise, kDistances: ndArray(curve, [curve.length]) },
  };
}
