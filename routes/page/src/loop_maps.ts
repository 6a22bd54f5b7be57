import type { Grid } from "./arrays.ts";

/** Loop parameters as maps by name. */
export interface LoopMaps {
  maps: Map<string, Float32Array>;
  unit: (name: string) => string;
}

/** Reads the maps of a `/loops` answer, of those whose name begins with `prefix`; `toGrid` puts each onto the pixels. */
export function readLoopMaps(
  arrays: Map<string, Grid>,
  { prefix, toGrid }: { prefix: string; toGrid: (value: Grid) => Float32Array | undefined },
): LoopMaps {
  const maps = new Map<string, Float32Array>();
  for (const [name, value] of arrays) {
    const grid = name.startsWith(prefix) && toGrid(value);
    if (grid) maps.set(name.slice(prefix.length), grid);
  }
  const units = unitsIn(arrays.get("metadata"));
  return { maps, unit: (name) => units[name.replace(/^fit\./, "")] ?? "" };
}

/** What is no array travels as JSON text in the array `metadata`. */
function unitsIn(metadata: Grid | undefined): Record<string, string> {
  if (!metadata) return {};
  const text = new TextDecoder().decode(Uint8Array.from(metadata.data));
  return (JSON.parse(text) as { units?: Record<string, string> }).units ?? {};
}

/** Fit results that stand for themselves; errors are shown beside their parameter, criteria as one word. */
export function isShownAlone(name: string): boolean {
  return !/^fit\.(.*Error|aic|bic|aicLine|bicLine|sse)$/.test(name);
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
