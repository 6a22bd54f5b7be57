import { LoopscopeError, unprocessable } from "../../base/errors.ts";
import { buildNetwork } from "../../../models/build_network.ts";
import type { Network } from "../../../models/network.ts";
import type { Engine, NetworkState } from "../../compute/engine.ts";
import { type ModelCheck, modelCheckSchema, type ModelManifest, modelManifestSchema } from "../../schemas/model.ts";
import { renderCard } from "./card.ts";
import { verifyCheck } from "./model_check.ts";
import { writeSafetensors } from "./safetensors.ts";
import { sha256Hex } from "./sha256.ts";
import { stateFromSafetensors } from "./state_from_safetensors.ts";

/** Everything of a new model but what the store decides: name, version and time. */
export interface TrainedModel {
  manifest: Omit<ModelManifest, "name" | "version" | "createdAt" | "weights" | "last" | "members">;
  /** Best epoch of the first (or only) member. */
  state: NetworkState;
  /** Its last epoch; absent where not kept. */
  last?: NetworkState;
  /** Best epochs of an ensemble's further members. */
  members: NetworkState[];
  check?: ModelCheck;
}

/** The files of an artifact by name: `model.json`, `weights.safetensors`, `card.md`, … */
export type ModelFiles = Map<string, Uint8Array>;

/** A model read from its files and found whole. */
export interface LoadedModel {
  manifest: ModelManifest;
  network: Network;
  state: NetworkState;
  /** Further members of an ensemble. */
  members: NetworkState[];
  card: string;
}

export const memberFileName = (index: number): string => `weights.${index}.safetensors`;

/** The artifact's files; weights are safetensors under PyTorch's names, hashed in `model.json`. */
export async function writeArtifact(
  trained: TrainedModel,
  identity: { name: string; version: number; createdAt: string },
): Promise<ModelFiles> {
  const files: ModelFiles = new Map();
  const put = async (name: string, state: NetworkState) => {
    const bytes = writeSafetensors(state);
    files.set(name, bytes);
    return { sha256: await sha256Hex(bytes), bytes: bytes.length };
  };
  const weights = await put("weights.safetensors", trained.state);
  const last = trained.last ? await put("last.safetensors", trained.last) : undefined;
  const members = await Promise.all(trained.members.map((state, i) => put(memberFileName(i + 1), state)));
  const manifest: ModelManifest = modelManifestSchema.parse({
    ...identity,
    ...trained.manifest,
    weights,
    ...(last ? { last } : {}),
    ...(members.length > 0 ? { members } : {}),
  });
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value, undefined, 1) + "\n");
  files.set("model.json", json(manifest));
  files.set("card.md", new TextEncoder().encode(renderCard(manifest)));
  if (trained.check) files.set("check.json", json(trained.check));
  return files;
}

/**
 * Reads an artifact back: every weights file must have the size and SHA-256 that `model.json` states and exactly the
 * network's names and shapes; with an engine, `check.json` is recomputed.
 * Throws `model_broken` for a damaged artifact, `weights_mismatch`, and `check_failed` with the difference met.
 */
export async function loadModel(files: ModelFiles, verifyWith?: Engine): Promise<LoadedModel> {
  const manifest = parseJson(files, "model.json", modelManifestSchema);
  const network = buildNetwork(manifest.network);
  const read = async (name: string, wanted: { sha256: string; bytes: number }) => {
    const bytes = fileOf(files, name);
    const met = await sha256Hex(bytes);
    if (bytes.length !== wanted.bytes || met !== wanted.sha256) {
      throw broken(
        `${name} has ${bytes.length} bytes and SHA-256 ${met}; expected ${wanted.bytes} and ${wanted.sha256}`,
      );
    }
    return stateFromSafetensors(bytes, network);
  };
  const state = await read("weights.safetensors", manifest.weights);
  const members = await Promise.all((manifest.members ?? []).map((wanted, i) => read(memberFileName(i + 1), wanted)));
  const card = files.has("card.md") ? new TextDecoder().decode(files.get("card.md")) : "";
  const loaded: LoadedModel = { manifest, network, state, members, card };
  if (verifyWith && files.has("check.json")) {
    await verifyCheck(loaded, parseJson(files, "check.json", modelCheckSchema), verifyWith);
  }
  return loaded;
}

function fileOf(files: ModelFiles, name: string): Uint8Array {
  const bytes = files.get(name);
  if (!bytes) throw broken(`${name} is missing; there are: ${[...files.keys()].join(", ") || "none"}`);
  return bytes;
}

interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { issues: Issue[] } };
}
interface Issue {
  path: PropertyKey[];
  message: string;
}

/** One of an artifact's JSON files; throws `model_broken`. */
export function parseJson<T>(files: ModelFiles, name: string, schema: Schema<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(fileOf(files, name)));
  } catch (cause) {
    if (cause instanceof LoopscopeError) throw cause;
    throw unprocessable("model_broken", `Model: ${name} is not JSON`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw broken(`${name} is not one: ${path.join(".") || "it"}: ${message}`);
}

function broken(message: string): LoopscopeError {
  return unprocessable("model_broken", `Model: ${message}`);
}
