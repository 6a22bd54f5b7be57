import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import type { Grid } from "./arrays.ts";

/** Loop parameters as maps by name. */
export interface LoopMaps {
  maps: Map<string, Float32Array>;
  unit: (name: string) => string;
}

const BIAS = new Set(["centroidV", "coercivePositive", "coerciveNegative", "imprint", "width"]);
const PLAIN = new Set(["crossings", "noose", "r2", "R2", "aic", "bic"]);

/** Reads the maps of a `/loops` answer, of those whose name begins with `prefix`; `toGrid` puts each onto the pixels. */
export function readLoopMaps(
  arrays: Map<string, Grid>,
  cube: CubeRecord,
  { prefix, toGrid }: { prefix: string; toGrid: (value: Grid) => Float32Array | undefined },
): LoopMaps {
  const maps = new Map<string, Float32Array>();
  for (const [name, value] of arrays) {
    const grid = name.startsWith(prefix) && toGrid(value);
    if (grid) maps.set(name.slice(prefix.length), grid);
  }
  return { maps, unit: (name) => ownUnit(name, cube) };
}

function ownUnit(name: string, { unit, axes: { spectral } }: CubeRecord): string {
  const join = (separator: string) => [unit, spectral.unit].filter(Boolean).join(separator);
  if (BIAS.has(name)) return spectral.unit;
  if (PLAIN.has(name)) return "";
  if (name === "area") return join("·");
  return name === "saturationSlope" ? join("/") : unit;
}

/** Whether the spectral axis goes out and comes back, so that branches and a loop exist. */
export function isLoopAxis(values: readonly number[]): boolean {
  if (values.length < 8) return false;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const tolerance = (high - low) * 1e-6;
  let up = 0, down = 0;
  for (let i = 1; i < values.length; i++) {
    const step = values[i] - values[i - 1];
    if (step > tolerance) up++;
    else if (step < -tolerance) down++;
  }
  return up >= 3 && down >= 3;
}
