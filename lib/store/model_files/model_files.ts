import { createHash } from "node:crypto";
import { LoopscopeError } from "../../base/errors.ts";
import { type ModelManifest, modelManifestSchema } from "../../schemas/model.ts";
import { sha256IfThere } from "../durable.ts";

const SMALL_FILES = ["model.json", "check.json", "card.md"];

/** SHA-256 of the small files that are there. */
export function digestsOf(path: string): Record<string, string> {
  return Object.fromEntries(SMALL_FILES.flatMap((file) => {
    const digest = sha256IfThere(`${path}/${file}`);
    return digest === undefined ? [] : [[file, digest]];
  }));
}

/** Throws `model_damaged` (internal) where `model.json` is not valid, or another version's. */
export function readManifest(path: string, name: string, version: number): ModelManifest {
  const damaged = (problem: string, cause?: unknown) =>
    new LoopscopeError("internal", "model_damaged", `model.json of ${name}@${version} ${problem}`, { cause });
  let json: unknown;
  try {
    json = JSON.parse(Deno.readTextFileSync(`${path}/model.json`));
  } catch (cause) {
    throw damaged("cannot be read", cause);
  }
  const parsed = modelManifestSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw damaged(`is not valid at ${issue.path.join(".")}: ${issue.message}`, parsed.error);
  }
  if (parsed.data.name !== name || parsed.data.version !== version) {
    throw damaged(`says ${parsed.data.name}@${parsed.data.version}`);
  }
  return parsed.data;
}

/** Throws `model_damaged` (internal) where a file of weights is not what the manifest says. */
export function checkWeights(manifest: ModelManifest, file: string, bytes: Uint8Array): void {
  const wanted = wantedWeights(manifest, file);
  const met = { sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length };
  if (met.sha256 === wanted?.sha256 && met.bytes === wanted.bytes) return;
  const message =
    `${file} of ${manifest.name}@${manifest.version} has ${met.bytes} bytes with SHA-256 ${met.sha256}; ` +
    `expected ${wanted ? `${wanted.bytes} with ${wanted.sha256}` : "no such file"}`;
  throw new LoopscopeError("internal", "model_damaged", message);
}

/** `weights.safetensors`, `last.safetensors` or `weights.N.safetensors` of an ensemble's further members. */
function wantedWeights(manifest: ModelManifest, file: string) {
  if (file === "weights.safetensors") return manifest.weights;
  if (file === "last.safetensors") return manifest.last;
  const member = /^weights\.([0-9]+)\.safetensors$/.exec(file);
  return member ? manifest.members?.[Number(member[1]) - 1] : undefined;
}
