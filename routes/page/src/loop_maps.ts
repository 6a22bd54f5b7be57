import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import { isGrid, type Tree } from "./arrays.ts";

/** Loop parameters as maps by name. */
export interface LoopMaps {
  maps: Map<string, Float32Array>;
  unit: (name: string) => string;
}

const BIAS = new Set(["centroidV", "coercivePositive", "coerciveNegative", "imprint", "width"]);
const PLAIN = new Set(["crossings", "noose", "r2", "R2", "aic", "bic"]);

/** Reads the maps of a `/loops` answer; `toGrid` puts each onto the cube's pixels. */
export function readLoopMaps(
  tree: Tree,
  cube: CubeRecord,
  toGrid: (value: Tree) => Float32Array | undefined,
): LoopMaps {
  const maps = new Map<string, Float32Array>();
  const visit = (value: Tree) => {
    if (typeof value !== "object" || value === null || Array.isArray(value) || isGrid(value)) return;
    for (const [name, item] of Object.entries(value)) {
      const grid = toGrid(item);
      if (grid) maps.set(name, grid);
      else visit(item);
    }
  };
  visit(tree);
  const units = (tree as { units?: Record<string, string> } | null)?.units ?? {};
  return { maps, unit: (name) => units[name] ?? ownUnit(name, cube) };
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
