import { unprocessable } from "../base/errors.ts";
import { quantile } from "./quantile.ts";

/** A regular grid over two latent dimensions, all others held at their median. */
export interface ManifoldGrid {
  /** Values along the first and the second dimension, ascending. */
  z0: Float64Array;
  z1: Float64Array;
  /** The latents of every node, z0 x z1 x L with z0 along rows. */
  latents_NL: Float32Array;
}

export interface ManifoldOptions {
  /** Number of latent variables. */
  size: number;
  /** Nodes along each dimension. */
  steps: number;
  /** Which two latent variables are varied. A single one (`0, 1` then) is varied along z0, with z1 the one value 0. */
  dims: readonly [number, number];
}

/** The grid spans the central 98 % of the latents: a single stray pixel does not stretch it. */
const TAIL = 0.01;

/**
 * A grid over the range of the latents of a cube. Throws `dims_outside_latent` for a dimension that is not there or
 * twice the same, `too_few_points` where no latent is finite.
 */
export function manifoldGrid(latents_NL: ArrayLike<number>, { size, steps, dims }: ManifoldOptions): ManifoldGrid {
  const [first, second] = dims;
  const inside = (dim: number) => Number.isInteger(dim) && dim >= 0 && dim < Math.max(2, size);
  if (!inside(first) || !inside(second) || first === second) {
    throw unprocessable(
      "dims_outside_latent",
      `Dims must be two different latent variables of 0 to ${size - 1}; received ${first},${second}`,
    );
  }
  const columns = Array.from({ length: size }, (_, l) => finiteColumn(latents_NL, size, l));
  if (columns[0].length === 0) throw unprocessable("too_few_points", "A manifold needs finite latents; received none");
  const line = (dim: number) => {
    const low = quantile(columns[dim], TAIL), high = quantile(columns[dim], 1 - TAIL);
    return Float64Array.from(
      { length: steps },
      (_, i) => steps === 1 ? (low + high) / 2 : low + (high - low) * i / (steps - 1),
    );
  };
  const z0 = line(size === 1 ? 0 : first), z1 = size === 1 ? new Float64Array(1) : line(second);
  const medians = columns.map((column) => quantile(column, 0.5));
  const nodes = z0.length * z1.length;
  const grid_NL = new Float32Array(nodes * size);
  for (let n = 0; n < nodes; n++) {
    grid_NL.set(medians, n * size);
    const along = Math.floor(n / z1.length);
    if (size === 1) grid_NL[n] = z0[along];
    else {
      grid_NL[n * size + first] = z0[along];
      grid_NL[n * size + second] = z1[n % z1.length];
    }
  }
  return { z0, z1, latents_NL: grid_NL };
}

/** One latent variable of all points without NaN, ascending. */
function finiteColumn(latents_NL: ArrayLike<number>, size: number, dim: number): Float64Array {
  const column: number[] = [];
  for (let at = 0; at < latents_NL.length; at += size) {
    let finite = true;
    for (let l = 0; l < size; l++) finite &&= Number.isFinite(latents_NL[at + l]);
    if (finite) column.push(latents_NL[at + dim]);
  }
  return Float64Array.from(column).sort();
}
