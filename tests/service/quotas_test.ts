import { LoopscopeError } from "../../lib/base/errors.ts";
import { parseSettings } from "../../lib/schemas/settings.ts";
import { Quotas } from "../../lib/service/quotas.ts";
import type { Caller, CubeService } from "../../lib/service/services.ts";
import { sweepExpired } from "../../lib/service/sweep_expired.ts";
import { type EmbeddedStore, openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
import { trainRequest } from "../contracts/record_store_contract.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { addCube } from "../support/stored_cube.ts";
import { writeModel } from "../support/stored_model.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

const HOUR_MS = 3600_000;
const settings = parseSettings({
  LOOPSCOPE_VISITOR_CUBES: "2",
  LOOPSCOPE_VISITOR_BYTES: "1000",
  LOOPSCOPE_VISITOR_JOBS: "2",
  LOOPSCOPE_VISITOR_TRAINING: "1",
  LOOPSCOPE_VISITOR_HOURS: "3",
  LOOPSCOPE_KEY_CUBES: "3",
  LOOPSCOPE_KEY_JOBS: "1",
});
const visitor = callerOf("address:1.2.3.4");
const other = callerOf("address:5.6.7.8");
const holder = callerOf("key:abc");

function callerOf(id: string): Caller {
  return { id, requestId: "req", signal: new AbortController().signal };
}

async function addJob(
  store: EmbeddedStore,
  id: string,
  caller: string,
  kind: "train" | "result" = "train",
): Promise<void> {
  const request = kind === "train" ? trainRequest() : { kind, result: "pca", cube: "cube_1", parameters: {} };
  await store.jobs.insert(id, request, { caller, priority: 5, createdMs: 1000 });
}

Deno.test("visitors are told from owners: a service without keys sets no limits to who reaches it", async () => {
  await using store = await temporaryStore();
  const open = new Quotas(settings, true);
  assertEquals([open.ownerOf(visitor), open.expiresMs(visitor, 0)], ["address:1.2.3.4", undefined]);
  for (let i = 0; i < 5; i++) await addCube(store, { id: `cube_${i}`, optionsKey: `${i}`, owner: visitor.id });
  const usage = await store.cubes.usage(visitor.id);
  open.admitCube(visitor, 10 ** 12)(usage);
  const demo = new Quotas(settings, false);
  assertEquals([demo.ownerOf(visitor), demo.expiresMs(visitor, 0)], ["visitor:1.2.3.4", 3 * HOUR_MS]);
  assertEquals([demo.ownerOf(holder), demo.expiresMs(holder, 0)], ["key:abc", undefined]);
  demo.admitCube(visitor, 1000)(await store.cubes.usage(demo.ownerOf(visitor)));
  assertEquals([demo.trainingTimeoutMs("visitor:1.2.3.4"), demo.trainingTimeoutMs("key:abc")], [
    15 * 60_000,
    undefined,
  ]);
});

Deno.test("cubes and their bytes are counted for each address and key", async () => {
  await using store = await temporaryStore();
  const quotas = new Quotas(settings, false);
  const { cube } = await addCube(store, { id: "cube_1", owner: quotas.ownerOf(visitor), sizeBytes: 804 });
  assertEquals(await store.cubes.usage("visitor:1.2.3.4"), { cubes: 1, bytes: 900 });
  const check = async (caller: Caller, bytes: number) =>
    quotas.admitCube(caller, bytes)(await store.cubes.usage(quotas.ownerOf(caller)));
  await check(visitor, 100);
  const tooMany = await assertFailsWith("quota_exceeded", () => check(visitor, 101));
  assert.match((tooMany as LoopscopeError).message, /900 bytes, this cube needs 101; expected at most 1000/);
  await check(other, 1000);
  await addCube(store, { id: "cube_2", optionsKey: "2", owner: quotas.ownerOf(visitor), sizeBytes: 1 });
  await assertFailsWith("quota_exceeded", () => check(visitor, 0));
  assert.ok(cube);
});

Deno.test("the bytes of unfinished uploads count like what is there, and nobody takes the places of all", async () => {
  const quotas = new Quotas(settings, false);
  const check = (caller: Caller, bytes: number, mine: { count: number; bytes: number }, limits = quotas) =>
    limits.admitUpload(caller, bytes, { cubes: 0, bytes: 0 })({ count: mine.count, promisedBytes: mine.bytes, mine });
  check(visitor, 100, { count: 31, bytes: 900 });
  await assertFailsWith("quota_exceeded", () => check(visitor, 101, { count: 31, bytes: 900 }));
  await assertFailsWith("too_many_uploads", () => check(visitor, 1, { count: 32, bytes: 32 }));
  await assertFailsWith("too_many_uploads", () => check(holder, 1, { count: 32, bytes: 32 }));
  check(visitor, 1, { count: 200, bytes: 1e12 }, new Quotas(settings, true));
});

Deno.test("unfinished jobs and training are counted for each address and key", async () => {
  await using store = await temporaryStore();
  const quotas = new Quotas(settings, false);
  const check = async (caller: Caller, kind: "train" | "result") =>
    quotas.admitJob(caller, kind)?.(await store.jobs.countActive(quotas.ownerOf(caller)));
  await addCube(store, { id: "cube_1" });
  await addJob(store, "job_1", quotas.ownerOf(visitor));
  const refused = await assertFailsWith("quota_exceeded", () => check(visitor, "train"));
  assertEquals([(refused as LoopscopeError).kind, (refused as LoopscopeError).retryAfterS], ["tooMany", 10]);
  await check(visitor, "result");
  await check(other, "train");
  await addJob(store, "job_2", quotas.ownerOf(visitor), "result");
  await assertFailsWith("quota_exceeded", () => check(visitor, "result"));
  await addJob(store, "job_3", holder.id, "result");
  await assertFailsWith("quota_exceeded", () => check(holder, "train"));
});

Deno.test("visitors save under names of their own, do not push to the front and take no giant steps", async () => {
  const quotas = new Quotas(settings, false);
  await assertFailsWith("name_reserved", () => quotas.checkTraining(visitor, trainRequest({ saveAs: "film" }), 64));
  const pushing = trainRequest({ saveAs: "visitor-film", priority: 9 });
  assertEquals(quotas.checkTraining(visitor, pushing, 64).priority, 5);
  assertEquals(quotas.checkTraining(holder, { ...pushing, saveAs: "film" }, 64).priority, 9);
  const giant = { ...pushing, window: 32, filters: 128, batchSize: 64 };
  await assertFailsWith("training_too_large", () => quotas.checkTraining(visitor, giant, 64));
  assertEquals(quotas.checkTraining(holder, giant, 64), giant);
  const usual = { ...pushing, window: 16, filters: 64, batchSize: 64 };
  quotas.checkTraining(visitor, usual, 512);
  await assertFailsWith("training_too_large", () => quotas.checkTraining(visitor, usual, 513));
});

Deno.test("one caller's uploads leave room for others, and their places come free", async () => {
  const quotas = new Quotas(settings, false);
  const { promise, resolve } = Promise.withResolvers<void>();
  const running = Array.from({ length: 4 }, () => quotas.uploading(visitor, () => promise));
  await assertFailsWith("too_many_uploads", () => quotas.uploading(visitor, () => promise));
  const others = Array.from({ length: 28 }, (_, i) => quotas.uploading(callerOf(`address:${i}`), () => promise));
  await assertFailsWith("busy", () => quotas.uploading(other, () => promise));
  resolve();
  await Promise.all([...running, ...others]);
  assertEquals(await quotas.uploading(visitor, () => Promise.resolve(5)), 5);
  await assertFailsWith(
    "broken",
    () => quotas.uploading(visitor, () => Promise.reject(new LoopscopeError("internal", "broken", ""))),
  );
  assertEquals(await quotas.uploading(visitor, () => Promise.resolve(6)), 6);
});

const log = { info() {}, warn() {}, error() {} };

Deno.test("a cube that is uploaded again while others expire is kept, and unfinished uploads expire by themselves", async () => {
  const clock = testClock();
  await using store = await temporaryStore({ clock });
  const nowMs = clock.nowMs();
  for (const id of ["cube_1", "cube_2"]) await addCube(store, { id, optionsKey: id, expiresMs: nowMs });
  const upload = { sizeBytes: 5, metadata: {}, owner: visitor.id, createdMs: nowMs - 10 };
  const old = await store.uploads.create({ ...upload, expiresMs: nowMs });
  const young = await store.uploads.create({ ...upload, expiresMs: nowMs + 1 });
  const cubes = { remove: async (id, removal) => void await store.cubes.remove(id, removal) } as CubeService;
  const sweeping = sweepExpired({ store, cubes, clock, log, keepModelsMs: HOUR_MS });
  await store.cubes.renew("cube_2", { owner: visitor.id, expiresMs: nowMs + HOUR_MS });
  await sweeping;
  assertEquals((await store.cubes.list({ limit: 9 })).items.map(({ id }) => id), ["cube_2"]);
  assertEquals((await store.uploads.get(young.id)).offset, 0);
  await assertFailsWith("upload_missing", () => store.uploads.get(old.id));
});

Deno.test("a sweep that the service's stop cuts off is no failure of the service", async () => {
  const root = await Deno.makeTempDir();
  const store = await openEmbeddedStore({ root, zooPath: "" });
  await store.close();
  const failures: unknown[] = [];
  const told = { ...log, error: (event: string) => void failures.push(event) };
  await sweepExpired({ store, cubes: {} as CubeService, clock: testClock(), log: told, keepModelsMs: 1 });
  assertEquals(failures, ["sweep_failed"]);
  await Deno.remove(root, { recursive: true });
});

Deno.test("what visitors left is removed when its time is over, and nothing else", async () => {
  const clock = testClock();
  await using store = await temporaryStore({ clock });
  const quotas = new Quotas(settings, false);
  const add = (id: string, caller: Caller) => {
    const admission = { owner: quotas.ownerOf(caller), expiresMs: quotas.expiresMs(caller, clock.nowMs()) };
    return addCube(store, { id, optionsKey: id, ...admission });
  };
  for (const id of ["cube_gone", "cube_again", "cube_used"]) await add(id, visitor);
  await add("cube_kept", holder);
  await store.cubes.renew("cube_again", { owner: holder.id });
  assertEquals([await store.cubes.ownerOf("cube_again"), await store.cubes.ownerOf("cube_gone")], [
    "key:abc",
    "visitor:1.2.3.4",
  ]);
  for (const [job, caller] of [["job_v", visitor], ["job_k", holder]] as const) {
    await addJob(store, job, quotas.ownerOf(caller));
    await store.jobs.update(job, "queued", { state: "succeeded", finishedMs: clock.nowMs() });
    await store.models.add(
      `visitor-${job.at(-1)}`,
      (folder, version) => writeModel(folder, `visitor-${job.at(-1)}`, version),
      { madeBy: job },
    );
  }
  const cubes = {
    remove: async (id: string) => {
      if (id === "cube_used") throw new LoopscopeError("conflict", "cube_in_use", "It is used");
      await store.cubes.remove(id);
    },
  } as CubeService;
  const sweep = () => sweepExpired({ store, cubes, clock, log, keepModelsMs: 3 * HOUR_MS });
  const left = async () => [
    (await store.cubes.list({ limit: 9 })).items.map(({ id }) => id).sort(),
    (await store.models.list()).map(({ name }) => name),
  ];
  clock.passMs(3 * HOUR_MS - 1);
  await sweep();
  assertEquals(await left(), [["cube_again", "cube_gone", "cube_kept", "cube_used"], ["visitor-k", "visitor-v"]]);
  clock.passMs(2);
  await sweep();
  assertEquals(await left(), [["cube_again", "cube_kept", "cube_used"], ["visitor-k"]]);
});
