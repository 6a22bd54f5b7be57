// A process that changes a data folder without pause until it is killed. Each line on its stdout is either what it is
// about to do or that it is done: `tests/store/crash_test.ts` compares these promises with what is left.
import { createRandom, type Random } from "../../../lib/base/random.ts";
import { type EmbeddedStore, openEmbeddedStore } from "../../../lib/store/embedded/open_embedded_store.ts";
import { progressAt, trainRequest } from "../../contracts/record_store_contract.ts";
import { addCube } from "../../support/stored_cube.ts";
import { writeModel } from "../../support/stored_model.ts";

export type CrashAction =
  | { kind: "cube"; id: string }
  | { kind: "removeCube"; id: string }
  | { kind: "image"; id: string; name: string }
  | { kind: "model"; name: string; job: string; version?: number }
  | { kind: "removeModel"; name: string; version: number }
  | { kind: "alias"; name: string; alias: string; version: number }
  | { kind: "job"; id: string }
  | { kind: "endJob"; id: string; epochs: number }
  | { kind: "answer"; key: string };

/** The bytes that were uploaded for a cube: a few cubes share theirs. */
export function bytesOfCube(id: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(50_000).fill(Number(id.split("_")[1]) % 3);
}

/** Does what the action says; resolves when the store has acknowledged it. */
export async function perform(store: EmbeddedStore, action: CrashAction): Promise<void> {
  switch (action.kind) {
    case "cube": {
      const blob = await store.blobs.put(new Blob([bytesOfCube(action.id)]).stream(), { maxBytes: 1e6 });
      const { id } = action;
      try {
        await addCube(store, { id, sha256: blob.sha256, sizeBytes: blob.sizeBytes, optionsKey: id });
      } finally {
        await store.blobs.release(blob.sha256);
      }
      return;
    }
    case "removeCube":
      return void await store.cubes.remove(action.id);
    case "image": {
      const values_HW = new Float32Array(6).fill(Number(action.name));
      return void await store.cubes.addImage(action.id, {
        name: action.name,
        quantity: "height",
        unit: "m",
        values_HW,
      });
    }
    case "model": {
      const write = (folder: string, version: number) =>
        writeModel(folder, action.name, version, new Uint8Array(20_000).fill(version));
      action.version = await store.models.add(action.name, write, { madeBy: action.job });
      return;
    }
    case "removeModel":
      return await store.models.removeVersion(action.name, action.version);
    case "alias":
      return store.models.setAlias(action.name, action.alias, action.version);
    case "job":
      await store.jobs.insert(action.id, trainRequest(), { caller: "key:a", priority: 5, createdMs: 0 });
      return await store.checkpoints.save(action.id, new Uint8Array(10_000).fill(7));
    case "endJob": {
      await store.jobs.update(action.id, "queued", { state: "running", startedMs: 1 });
      for (let epoch = 1; epoch <= action.epochs; epoch++) {
        const event = { event: "epoch" as const, data: { ...progressAt(epoch) } };
        await store.jobs.update(action.id, "running", { progress: progressAt(epoch) }, [event]);
        await store.checkpoints.save(action.id, new Uint8Array(10_000).fill(epoch));
      }
      await store.jobs.update(action.id, "running", { state: "succeeded", finishedMs: 2 });
      return await store.checkpoints.remove(action.id);
    }
    case "answer":
      await store.idempotency.begin("key:a", action.key);
      return store.idempotency.finish("key:a", action.key, "f", {
        status: 201,
        headers: {},
        body: new TextEncoder().encode(action.key),
      });
  }
}

function say(word: "begin" | "done", action: CrashAction): void {
  const line = new TextEncoder().encode(JSON.stringify({ word, action }) + "\n");
  for (let at = 0; at < line.length;) at += Deno.stdout.writeSync(line.subarray(at));
}

/** Something that can be done to the store as it is; `fresh` is a number not used before. */
export async function chooseAction(store: EmbeddedStore, random: Random, fresh: number): Promise<CrashAction> {
  const pick = <T>(items: T[]): T | undefined => items[random.integer(items.length)];
  const cube = pick((await store.cubes.list({ limit: 50 })).items)?.id;
  const queued = pick((await store.jobs.list({ limit: 50, state: "queued" })).items)?.id;
  const model = await store.models.find("film");
  const version = pick(model?.versions ?? []);
  const aliased = Object.values(model?.aliases ?? {});
  const choices: (CrashAction | undefined)[] = [
    { kind: "cube", id: `cube_${fresh}` },
    cube && random.uniform() < 0.7 ? { kind: "removeCube", id: cube } : undefined,
    cube ? { kind: "image", id: cube, name: String(fresh) } : undefined,
    { kind: "model", name: "film", job: `job_m${fresh}` },
    version && !aliased.includes(version) ? { kind: "removeModel", name: "film", version } : undefined,
    version ? { kind: "alias", name: "film", alias: "stable", version } : undefined,
    { kind: "job", id: `job_${fresh}` },
    queued ? { kind: "endJob", id: queued, epochs: 3 } : undefined,
    { kind: "answer", key: String(fresh) },
  ];
  return pick(choices.filter((choice) => choice !== undefined))!;
}

async function main(root: string, seed: number): Promise<void> {
  const store = await openEmbeddedStore({ root, zooPath: `${root}/no-zoo` });
  const random = createRandom(seed);
  for (let i = 0;; i++) {
    const action = await chooseAction(store, random, seed * 1000 + i);
    say("begin", action);
    await perform(store, action);
    say("done", action);
  }
}

if (import.meta.main) await main(Deno.args[0], Number(Deno.args[1]));
