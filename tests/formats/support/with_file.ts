import type { CubeSelection, CubeView, FormatLimits } from "../../../lib/formats/cube_source.ts";
import { openSource } from "../../../lib/formats/registry.ts";

/** Runs with a temporary file of these bytes, named so that its name says nothing. */
export async function withFile<T>(bytes: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempFile({ suffix: ".bin" });
  try {
    await Deno.writeFile(path, bytes);
    return await use(path);
  } finally {
    await Deno.remove(path);
  }
}

export interface ReadCube {
  format: string;
  dataset: string;
  shape: number[];
  values: number[];
  axes: CubeView["axes"];
  quantity: string;
  unit: string;
  notes: readonly string[];
  maps: ReturnType<CubeView["maps"]>;
  candidates: string[];
}

/** Everything of the cube in these bytes. */
export function readCube(bytes: Uint8Array, selection?: CubeSelection, limits?: FormatLimits): Promise<ReadCube> {
  return withFile(bytes, async (path) => {
    const source = await openSource(path, limits);
    try {
      const view = source.open(selection);
      const values: number[] = [];
      for (let row = 0; row < view.shape[0]; row += view.slabRows) {
        for (const value of view.readRows(row, Math.min(view.slabRows, view.shape[0] - row))) values.push(value);
      }
      const { format, dataset, axes, quantity, unit, notes } = view;
      const candidates = source.candidates.map((candidate) => candidate.dataset);
      return {
        format,
        dataset,
        shape: [...view.shape],
        values,
        axes,
        quantity,
        unit,
        notes,
        maps: view.maps(),
        candidates,
      };
    } finally {
      source.close();
    }
  });
}
