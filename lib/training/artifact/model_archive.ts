import { unprocessable } from "../../base/errors.ts";
import type { Engine } from "../../compute/engine.ts";
import { type ByteSource, bytesSource, joinSources } from "../../base/byte_source.ts";
import { sizeOf } from "../../base/nd_array.ts";
import { readZip } from "../../formats/zip/read_zip.ts";
import { writeZip } from "../../formats/zip/write_zip.ts";
import { type ModelCheck, modelCheckSchema, type ModelManifest } from "../../schemas/model.ts";
import { loadModel, type ModelFiles, parseJson, type TrainedModel } from "./artifact.ts";
import { checkScaler } from "./check_scaler.ts";
import { verifyCheck } from "./model_check.ts";
import { stateFromSafetensors } from "./state_from_safetensors.ts";

/** Files of an artifact that are taken back; the card follows from `model.json`. */
const WANTED = /^(model\.json|check\.json|weights(\.[1-9][0-9]?)?\.safetensors|last\.safetensors)$/;
const MAX_JSON_BYTES = 4 * 2 ** 20;

export interface ArchiveParts {
  files: ModelFiles;
  /** With its head. */
  card: string;
  onnx: readonly Uint8Array<ArrayBuffer>[];
}

/** A model as one ZIP archive: its files as they are stored, the card as `README.md`, and ONNX. */
export function writeModelArchive({ files, card, onnx }: ArchiveParts): ByteSource {
  const kept = [...files].filter(([name]) => WANTED.test(name)).sort(([a], [b]) => a < b ? -1 : 1);
  return writeZip({
    "README.md": bytesSource(new TextEncoder().encode(card)),
    ...Object.fromEntries(kept.map(([name, bytes]) => [name, bytesSource(bytes as Uint8Array<ArrayBuffer>)])),
    "model.onnx": joinSources(onnx.map(bytesSource)),
  });
}

/**
 * The model of an archive that `writeModelArchive` wrote, here or elsewhere. Everything in it is checked as if it came from
 * a stranger: sizes, names, checksums, shapes, finite weights, and on the engine that the model gives the answer of its
 * own `check.json`. Throws what `readZip` and `loadModel` throw, and `model_broken`.
 */
export async function readModelArchive(
  bytes: Uint8Array,
  { maxBytes, engine }: { maxBytes: number; engine: Engine },
): Promise<{ name: string; trained: TrainedModel }> {
  const files: ModelFiles = readZip(bytes, { maxBytes, wanted: (name) => WANTED.test(name) });
  for (const name of ["model.json", "check.json"]) {
    const size = files.get(name)?.length ?? 0;
    if (size > MAX_JSON_BYTES) throw broken(`${name} has ${size} bytes; expected at most ${MAX_JSON_BYTES}`);
  }
  const loaded = await loadModel(files);
  const { manifest, network, state, members } = loaded;
  checkManifest(manifest);
  const check = checkOf(files, sizeOf(network.inputShape));
  if (check) await verifyCheck(loaded, check, engine);
  const { name, version: _, createdAt: __, weights: ___, last, members: ____, ...rest } = manifest;
  const lastBytes = last && files.get("last.safetensors");
  return {
    name,
    trained: {
      manifest: rest,
      state,
      last: lastBytes && stateFromSafetensors(lastBytes, network),
      members,
      check,
    },
  };
}

function checkOf(files: ModelFiles, inputSize: number): ModelCheck | undefined {
  if (!files.has("check.json")) return undefined;
  const check = parseJson(files, "check.json", modelCheckSchema);
  if (check.input.length === inputSize) return check;
  throw broken(`check.json has ${check.input.length} input values; expected ${inputSize}`);
}

/** What the schema alone does not say. */
function checkManifest({ network, scaler, axis, novelty, spreadFactor }: ModelManifest): void {
  checkScaler(scaler, network);
  if (axis && axis.values.length !== network.points) {
    throw broken(`axis has ${axis.values.length} values; expected ${network.points}`);
  }
  for (const limits of [novelty?.latentMin, novelty?.latentMax]) {
    if (limits && limits.length !== network.latent) {
      throw broken(`novelty has ${limits.length} latents; expected ${network.latent}`);
    }
  }
  if (spreadFactor !== undefined && spreadFactor < 0) {
    throw broken(`spreadFactor is ${spreadFactor}; expected 0 or more`);
  }
}

function broken(message: string) {
  return unprocessable("model_broken", `Model: ${message}`);
}
