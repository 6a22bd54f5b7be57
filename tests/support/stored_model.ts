import { createHash } from "node:crypto";
import type { ModelManifest } from "../../lib/schemas/model.ts";

/** Writes the files of a version whose weights are these bytes. */
export function writeModel(folder: string, name: string, version: number, weights = Uint8Array.of(1, 2, 3)): void {
  const identity = { mean: 0, std: 1 };
  const manifest: ModelManifest = {
    name,
    version,
    createdAt: "2026-01-01T00:00:00.000Z",
    network: { direction: "im2spec", window: 8, points: 32, latent: 2, filters: 64 },
    scaler: { input: identity, output: identity },
    weights: { sha256: createHash("sha256").update(weights).digest("hex"), bytes: weights.length },
  };
  Deno.writeTextFileSync(`${folder}/model.json`, JSON.stringify(manifest));
  Deno.writeFileSync(`${folder}/weights.safetensors`, weights);
  Deno.writeTextFileSync(`${folder}/card.md`, `# ${name}@${version}\n`);
  Deno.writeTextFileSync(`${folder}/check.json`, JSON.stringify({ input: [], latent: [], output: [], tolerance: 0 }));
}
