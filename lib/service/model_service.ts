import { createHash } from "node:crypto";
import { type Clock, toTimestamp } from "../base/clock.ts";
import { LoopscopeError } from "../base/errors.ts";
import { ndArray, type ResultTree } from "../base/nd_array.ts";
import type { WorkerPool } from "../jobs/processes/worker_pool.ts";
import { readModelFiles } from "../jobs/processes/read_model_files.ts";
import { writeTrainedModel } from "../jobs/processes/trained_model_tree.ts";
import type { StoredModel } from "../store/ports/model_store.ts";
import type { Store } from "../store/ports/store.ts";
import { loadModel } from "../training/artifact/artifact.ts";
import { cardHead } from "../training/artifact/card_head.ts";
import { writeModelArchive } from "../training/artifact/model_archive.ts";
import { writeOnnx } from "../training/onnx/write_onnx.ts";
import { submissionKey } from "./submission_key.ts";
import type { ModelService, ModelSummary, Page, PageRequest } from "./services.ts";

export interface ModelServiceOptions {
  store: Store;
  compute: WorkerPool;
  clock: Clock;
  /** Version of this program, for the files that it makes. */
  producerVersion: string;
}

/** Models that came with the service are under its own licence; of others their data's owner decides. */
function licenceOf(readOnly: boolean): string {
  return readOnly ? "MIT" : "unknown";
}

/** Models of the shipped zoo and of the data folder, as callers see them. */
export function createModelService({ store, compute, clock, producerVersion }: ModelServiceOptions): ModelService {
  const { models } = store;

  async function summary({ name, versions, aliases, readOnly }: StoredModel): Promise<ModelSummary> {
    const latest = versions[versions.length - 1];
    const { direction } = (await models.version(name, latest)).manifest.network;
    return { name, versions, latest, aliases, direction, readOnly };
  }

  async function aliasTag(name: string): Promise<string> {
    const { versions } = await models.get(name);
    const identity = JSON.stringify([name, await models.aliasRevision(name), versions]);
    return createHash("sha256").update(identity).digest("hex").slice(0, 32);
  }

  async function changeAlias(
    name: string,
    ifMatch: string | undefined,
    change: (ifRevision: number | undefined) => Promise<void>,
  ): Promise<ModelSummary> {
    await models.get(name);
    const revision = await models.aliasRevision(name);
    const tag = await aliasTag(name);
    if (ifMatch !== undefined && ifMatch !== tag) {
      const detail = `The model ${name} has changed: If-Match is ${ifMatch}; expected ${tag}`;
      throw new LoopscopeError("precondition", "alias_changed", detail);
    }
    await change(ifMatch === undefined ? undefined : revision);
    return await summary(await models.get(name));
  }

  async function card(name: string, version: string): Promise<string> {
    const number = await models.resolve(name, version);
    const { manifest, readOnly } = await models.version(name, number);
    return cardHead(manifest, licenceOf(readOnly)) + await models.card(name, number);
  }

  async function exported(name: string, version: string) {
    const number = await models.resolve(name, version);
    const { readOnly } = await models.version(name, number);
    const files = await readModelFiles(await models.localFolder(name, number));
    const onnx = writeOnnx(await loadModel(files), { producerVersion, licence: licenceOf(readOnly) });
    return { files, onnx };
  }

  async function addVersion(name: string, trained: ResultTree, madeBy: string | undefined) {
    const createdAt = toTimestamp(clock.nowMs());
    const version = await models.add(
      name,
      (folder, number) => writeTrainedModel(folder, trained, { name, version: number, createdAt }),
      { madeBy },
    );
    return { name, version };
  }

  return {
    async list(page) {
      const { items, ...rest } = pageOf(await models.list(), page);
      return { items: await Promise.all(items.map(summary)), ...rest };
    },
    get: async (name) => await summary(await models.get(name)),
    async version(name, version) {
      const number = await models.resolve(name, version);
      const { aliases } = await models.get(name);
      const { manifest, readOnly } = await models.version(name, number);
      const own = Object.entries(aliases).filter(([, target]) => target === number).map(([alias]) => alias);
      return { ...manifest, aliases: own, readOnly, card: await models.card(name, number) };
    },
    weights: async (name, version) => await models.weights(name, await models.resolve(name, version)),
    card,
    onnx: async (name, version) => (await exported(name, version)).onnx,
    async archive(name, version) {
      return writeModelArchive({ ...await exported(name, version), card: await card(name, version) });
    },
    async importArchive(archive, { name, maxBytes }, caller) {
      const sha256 = createHash("sha256").update(archive).digest("hex");
      const madeBy = submissionKey(caller, { archive: sha256, name });
      const made = madeBy && await models.madeBy(madeBy);
      if (made) return made;
      const task = { archive: ndArray(archive, [archive.length]), maxBytes };
      const imported = await compute.call("importArchive", task) as { name: string; trained: ResultTree };
      return await addVersion(name ?? imported.name, imported.trained, madeBy);
    },
    aliasTag,
    setAlias: (name, alias, version, { ifMatch, ifAbsent }) =>
      changeAlias(name, ifMatch, (ifRevision) => models.setAlias(name, alias, version, { ifRevision, ifAbsent })),
    removeAlias: (name, alias, ifMatch) =>
      changeAlias(name, ifMatch, (revision) => models.removeAlias(name, alias, revision)),
    async import({ name, network, axis, scaler }, weights, caller) {
      const sha256 = createHash("sha256").update(weights).digest("hex");
      const madeBy = caller && submissionKey(caller, { name, network, axis, scaler, sha256 });
      const made = madeBy && await models.madeBy(madeBy);
      if (made) return made;
      const task = { name, network, axis, scaler, weights: ndArray(weights, [weights.length]) } as ResultTree;
      return await addVersion(name, await compute.call("import", task), madeBy);
    },
    async removeVersion(name, version) {
      await models.removeVersion(name, await models.resolve(name, version));
    },
  };
}

/** Pages of a list that is in order already; the cursor is the last name of the page before. */
function pageOf(items: StoredModel[], { limit, cursor }: PageRequest): Page<StoredModel> {
  const rest = cursor === undefined ? items : items.filter(({ name }) => name > cursor);
  const page = rest.slice(0, limit);
  return rest.length > limit ? { items: page, nextCursor: page[page.length - 1].name } : { items: page };
}
