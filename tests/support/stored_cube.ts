import type { CubeRecord, IngestedCube } from "../../lib/schemas/cube.ts";
import { createCubeFile } from "../../lib/store/cube_files/cube_file.ts";
import { removeIfThere } from "../../lib/store/durable.ts";
import type { Usage } from "../../lib/store/ports/cube_store.ts";
import type { Store } from "../../lib/store/ports/store.ts";

/** What a parser would say of a cube of this shape. */
export function describeCube(shape: [number, number, number]): IngestedCube {
  const axis = (name: string, length: number) => ({
    name,
    unit: "m",
    values: Array.from({ length }, (_, i) => i / 10),
  });
  return {
    format: "npy",
    dataset: "",
    shape,
    axes: { row: axis("y", shape[0]), col: axis("x", shape[1]), spectral: axis("bias", shape[2]) },
    quantity: "current",
    unit: "A",
    health: { nan: 0, outliers: 0, failedPixels: 0, repaired: 0 },
    choices: [],
    maps: [],
    notes: [],
    provenance: [],
  };
}

export interface AddedCube {
  id: string;
  sha256?: string;
  optionsKey?: string;
  owner?: string;
  sizeBytes?: number;
  expiresMs?: number;
  admit?: (usage: Usage) => void;
}

/** Adds a small cube as the service would: its folder in `tmp/`, then the record. */
export async function addCube(store: Pick<Store, "cubes" | "scratch">, added: AddedCube) {
  const { id, sha256 = "ab".repeat(32), optionsKey = "{}", owner = "address:1", sizeBytes = 100, expiresMs } = added;
  const shape: [number, number, number] = [2, 3, 4];
  const identity = { id, name: id, sha256, sizeBytes, createdAt: "2026-01-01T00:00:00.000Z" };
  const record: CubeRecord = { ...describeCube(shape), ...identity };
  const folder = await store.scratch.makeFolder("cube");
  try {
    const writer = createCubeFile(folder, shape);
    try {
      writer.writeRows(0, Float32Array.from({ length: 24 }, (_, i) => i));
      writer.finish(describeCube(shape));
    } finally {
      writer.close();
    }
    return await store.cubes.add(folder, record, { optionsKey, owner, expiresMs, admit: added.admit });
  } finally {
    removeIfThere(folder);
  }
}
