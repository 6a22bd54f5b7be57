import { createHash } from "node:crypto";
import { type Clock, toTimestamp } from "../base/clock.ts";
import { conflict, LoopscopeError } from "../base/errors.ts";
import { ndArray, type ResultTree } from "../base/nd_array.ts";
import type { WorkerPool } from "../jobs/processes/worker_pool.ts";
import { writeTrainedModel } from "../jobs/training/trained_model_tree.ts";
import type { StoredModel } from "../store/model_store.ts";
import type { Store } from "../store/open_store.ts";
import { submissionKey } from "./submission_key.ts";
import type { ModelService, ModelSummary, Page, PageRequest } from "./services.ts";

export interface ModelServiceOptions {
  store: Store;
  compute: WorkerPool;
  clock: Clock;
}

/** Models of the shipped zoo and of the data folder, as callers see them. */
export function createModelService({ store, compute, clock }: ModelServiceOptions): ModelService {
  const { models } = store;

  function summary({ name, versions, aliases, readOnly }: StoredModel): ModelSummary {
    const latest = versions[versions.length - 1];
    const { direction } = models.manifest(name, latest).network;
    return { name, versions, latest, aliases, direction, readOnly };
  }

  function aliasTag(name: string): string {
    const { versions } = models.get(name);
    const identity = JSON.stringify([name, models.aliases.revision(name), versions]);
    return createHash("sha256").update(identity).digest("hex").slice(0, 32);
  }

  function changeAlias(name: string, ifMatch: string | undefined, change: (ifRevision: number) => void): ModelSummary {
    const revision = models.aliases.revision(name);
    if (ifMatch !== undefined && ifMatch !== aliasTag(name)) {
      const detail = `The model ${name} has changed: If-Match is ${ifMatch}, the ETag is ${aliasTag(name)}`;
      throw new LoopscopeError("precondition", "alias_changed", detail);
    }
    change(revision);
    return summary(models.get(name));
  }

  return {
    list: (page) => pageOf(models.list().map(summary), page),
    get: (name) => summary(models.get(name)),
    version(name, version) {
      const number = models.resolve(name, version);
      const aliases = Object.entries(models.get(name).aliases).filter(([, target]) => target === number);
      return {
        ...models.manifest(name, number),
        aliases: aliases.map(([alias]) => alias),
        readOnly: models.folderOf(name, number).readOnly,
        card: models.card(name, number),
      };
    },
    weights: (name, version) => models.weights(name, models.resolve(name, version)),
    card: (name, version) => models.card(name, models.resolve(name, version)),
    aliasTag,
    // deno-lint-ignore require-await
    async setAlias(name, alias, version, ifMatch) {
      models.get(name);
      return changeAlias(name, ifMatch, (revision) => models.setAlias(name, alias, version, revision));
    },
    // deno-lint-ignore require-await
    async removeAlias(name, alias, ifMatch) {
      models.get(name);
      return changeAlias(name, ifMatch, (revision) => models.aliases.remove(name, alias, revision));
    },
    async import({ name, network, axis, scaler }, weights, caller) {
      const sha256 = createHash("sha256").update(weights).digest("hex");
      const madeBy = caller && submissionKey(caller, { name, network, axis, scaler, sha256 });
      const made = madeBy && models.madeBy(madeBy);
      if (made) return made;
      const task = { name, network, axis, scaler, weights: ndArray(weights, [weights.length]) } as ResultTree;
      const imported = await compute.call("import", task);
      const createdAt = toTimestamp(clock.nowMs());
      const version = await models.add(
        name,
        (folder, number) => writeTrainedModel(folder, imported, { name, version: number, createdAt }),
        { madeBy },
      );
      return { name, version };
    },
    async removeVersion(name, version) {
      const number = models.resolve(name, version);
      const users = store.jobs.activeUsing({ model: `${name}@${number}` });
      if (users.length > 0) throw conflict("version_in_use", `${name}@${number} is used by ${users.join(", ")}`);
      await models.removeVersion(name, number);
    },
  };
}

/** Pages of a list that is in order already; the cursor is the last name of the page before. */
function pageOf(items: ModelSummary[], { limit, cursor }: PageRequest): Page<ModelSummary> {
  const rest = cursor === undefined ? items : items.filter(({ name }) => name > cursor);
  const page = rest.slice(0, limit);
  return rest.length > limit ? { items: page, nextCursor: page[page.length - 1].name } : { items: page };
}
