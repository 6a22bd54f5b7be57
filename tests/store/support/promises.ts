import { createHash } from "node:crypto";
import { openCubeFile } from "../../../lib/store/cube_files/cube_file.ts";
import type { EmbeddedStore } from "../../../lib/store/embedded/open_embedded_store.ts";
import { assert, assertEquals } from "../../support/assert.ts";
import { bytesOfCube, type CrashAction } from "./crash_writer.ts";

/** What has been promised so far. */
export class Promises {
  readonly cubes = new Set<string>();
  /** Names of image channels by cube. */
  readonly images = new Map<string, string[]>();
  readonly versions = new Set<number>();
  readonly jobs = new Map<string, "queued" | "succeeded">();
  readonly answers = new Set<string>();
  alias?: number;

  keep(action: CrashAction): void {
    if (action.kind === "cube") this.cubes.add(action.id);
    if (action.kind === "image") this.images.set(action.id, [...this.images.get(action.id) ?? [], action.name]);
    if (action.kind === "removeCube") this.cubes.delete(action.id);
    if (action.kind === "model") this.versions.add(action.version!);
    if (action.kind === "removeModel") this.versions.delete(action.version);
    if (action.kind === "alias") this.alias = action.version;
    if (action.kind === "job") this.jobs.set(action.id, "queued");
    if (action.kind === "endJob") this.jobs.set(action.id, "succeeded");
    if (action.kind === "answer") this.answers.add(action.key);
  }

  /** The action that was cut off is there wholly or not at all: finds out which, and counts it as promised if so. */
  async settle(store: EmbeddedStore, unsure: CrashAction): Promise<void> {
    if (unsure.kind === "model") unsure.version = (await store.models.madeBy(unsure.job))?.version;
    const happened = {
      cube: async () => await store.cubes.get((unsure as { id: string }).id) !== undefined,
      removeCube: async () => await store.cubes.get((unsure as { id: string }).id) === undefined,
      image: async () =>
        unsure.kind === "image" &&
        (await store.cubes.get(unsure.id))?.maps.some((map) => map.name === unsure.name) === true,
      model: () => unsure.kind === "model" && unsure.version !== undefined,
      removeModel: async () =>
        unsure.kind === "removeModel" && !(await store.models.find("film"))?.versions.includes(unsure.version),
      alias: async () =>
        unsure.kind === "alias" && (await store.models.find("film"))?.aliases.stable === unsure.version,
      job: async () => await store.jobs.get((unsure as { id: string }).id) !== undefined,
      endJob: async () => (await store.jobs.get((unsure as { id: string }).id))?.state === "succeeded",
      answer: async () =>
        unsure.kind === "answer" && (await store.idempotency.begin("key:a", unsure.key)).state === "done",
    };
    if (await happened[unsure.kind]()) this.keep(unsure);
  }
}

/** Everything promised is there and equal, and nothing else is. */
export async function checkPromises(store: EmbeddedStore, promised: Promises): Promise<void> {
  const cubes = (await store.cubes.list({ limit: 10_000 })).items;
  assertEquals(new Set(cubes.map((cube) => cube.id)), promised.cubes);
  for (const cube of cubes) {
    const reader = openCubeFile(store.cubes.folderOf(cube.id));
    assertEquals(reader.readSpectrum(1, 2), Float32Array.of(20, 21, 22, 23));
    const images = promised.images.get(cube.id) ?? [];
    assertEquals(cube.maps.map((map) => map.name), images);
    assertEquals(reader.imageNames, images);
    for (const name of images) assertEquals(reader.readImage(name)?.values_HW[5], Math.fround(Number(name)));
    reader.close();
    assertEquals(cube.sha256, createHash("sha256").update(bytesOfCube(cube.id)).digest("hex"));
  }
  const film = await store.models.find("film");
  assertEquals(new Set(film?.versions), promised.versions);
  assertEquals(film?.aliases.stable, promised.versions.size > 0 ? promised.alias : undefined);
  for (const version of promised.versions) {
    assertEquals((await store.models.weights("film", version))[0], version % 256);
  }
  await checkJobs(store, promised);
  await checkCheckpoints(store);
  for (const key of promised.answers) {
    const claim = await store.idempotency.begin("key:a", key);
    assert.ok(claim.state === "done" && new TextDecoder().decode(claim.response.body) === key);
  }
}

async function checkJobs(store: EmbeddedStore, promised: Promises): Promise<void> {
  assertEquals(
    new Set((await store.jobs.list({ limit: 10_000 })).items.map((job) => job.id)),
    new Set(promised.jobs.keys()),
  );
  for (const [id, state] of promised.jobs) {
    const job = (await store.jobs.get(id))!;
    if (state === "succeeded") assertEquals([job.state, job.history?.trainLoss], ["succeeded", [1, 1 / 2, 1 / 3]]);
    (await store.jobs.eventsAfter(id, 0)).forEach((event, i) => assertEquals(event.sequence, i + 1));
  }
}

/** A checkpoint is whole: one value throughout. */
async function checkCheckpoints(store: EmbeddedStore): Promise<void> {
  for (const id of [...await store.jobs.inState("queued"), ...await store.jobs.inState("running")]) {
    const bytes = await store.checkpoints.load(id);
    if (bytes) assert.ok(bytes.length === 10_000 && bytes.every((byte) => byte === bytes[0]), id);
  }
}
