import type { JobProgress, TrainRequest } from "../../lib/schemas/job.ts";
import { trainRequestSchema } from "../../lib/schemas/job.ts";
import { openCubeFile } from "../../lib/store/cube_files/cube_file.ts";
import type { Store } from "../../lib/store/ports/store.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { addCube } from "../support/stored_cube.ts";
import { writeModel } from "../support/stored_model.ts";
import type { TestClock } from "../support/temporary_store.ts";

export interface CubesUnderTest extends Pick<Store, "cubes" | "blobs" | "scratch"> {
  /** Names of what is stored of cubes, whether a record knows it or not. */
  storedCubes(): Promise<string[]>;
  /** Number of half-written things. */
  leftovers(): Promise<number>;
}

export interface StoreUnderTest extends Store, CubesUnderTest, AsyncDisposable {
  clock: TestClock;
}

export function trainRequest(changes: Partial<TrainRequest> = {}): TrainRequest {
  return trainRequestSchema.parse({ kind: "train", direction: "im2spec", cube: "cube_1", saveAs: "film", ...changes });
}

export function progressAt(epoch: number, trainLoss = 1 / epoch): JobProgress {
  return { epoch, epochs: 10, trainLoss, testLoss: null, patchesPerSecond: 100, etaSeconds: 10 - epoch };
}

/** What every store of records does, whatever it keeps them in. */
export function recordStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  const test = (what: string, run: (store: StoreUnderTest) => Promise<void> | void) =>
    Deno.test(`${name}: ${what}`, async () => {
      await using store = await open();
      await run(store);
    });
  cubeTests(test);
  jobTests(test);
  responseTests(test);
  keyTests(test);
  resultTests(test);
}

type Test = (what: string, run: (store: StoreUnderTest) => Promise<void> | void) => void;

/** What every store of cubes does. */
export function cubeTests(test: (what: string, run: (store: CubesUnderTest) => Promise<void> | void) => void): void {
  test("a cube is listed with its folder and found by its bytes and options", async (store) => {
    const { cube, created } = await addCube(store, { id: "cube_1", optionsKey: "a" });
    assert.ok(created);
    assertEquals(await store.cubes.get("cube_1"), cube);
    assertEquals(await store.cubes.findByContent(cube.sha256, "a"), cube);
    assertEquals(await store.cubes.findByContent(cube.sha256, "b"), undefined);
    const reader = openCubeFile(await store.cubes.localFolder("cube_1"));
    assertEquals(reader.readSpectrum(1, 2), Float32Array.of(20, 21, 22, 23));
    reader.close();
  });

  test("the same bytes and options again give the cube there is and leave no second folder", async (store) => {
    const first = await addCube(store, { id: "cube_1" });
    const second = await addCube(store, { id: "cube_2" });
    assertEquals(second, { cube: first.cube, created: false });
    assertEquals((await addCube(store, { id: "cube_3", optionsKey: "other" })).created, true);
    assertEquals((await store.storedCubes()).length, 2);
    assertEquals(await store.leftovers(), 0);
  });

  test("the same bytes that arrive together give one cube: the first, whatever becomes of it, kept for longer", async (store) => {
    const first = await addCube(store, { id: "cube_1", owner: "visitor:1", expiresMs: 1000 });
    assertEquals(await addCube(store, { id: "cube_2", owner: "key:a" }), { cube: first.cube, created: false });
    assertEquals([await store.cubes.ownerOf("cube_1"), await store.cubes.expired(9999)], ["key:a", []]);
    const [again, removed] = await Promise.all([addCube(store, { id: "cube_3" }), store.cubes.remove("cube_1")]);
    assertEquals(removed, true);
    assertEquals(await store.storedCubes(), again.created ? ["cube_3"] : []);
  });

  test("cubes are paged newest first, each once, also when one is deleted between pages", async (store) => {
    for (let i = 1; i <= 5; i++) await addCube(store, { id: `cube_${i}`, optionsKey: String(i) });
    const first = await store.cubes.list({ limit: 2 });
    assertEquals(first.items.map((cube) => cube.id), ["cube_5", "cube_4"]);
    await store.cubes.remove("cube_4");
    const second = await store.cubes.list({ limit: 2, cursor: first.nextCursor });
    assertEquals(second.items.map((cube) => cube.id), ["cube_3", "cube_2"]);
    const third = await store.cubes.list({ limit: 2, cursor: second.nextCursor });
    assertEquals(third.items.map((cube) => cube.id), ["cube_1"]);
    assertEquals(third.nextCursor, undefined);
    await assertFailsWith("bad_cursor", () => store.cubes.list({ limit: 2, cursor: "1 OR 1" }));
  });

  test("a removed cube is gone with its folder and the bytes that only it needed", async (store) => {
    const blob = await store.blobs.put(new Blob(["bytes"]).stream(), { maxBytes: 5 });
    await addCube(store, { id: "cube_1", sha256: blob.sha256, optionsKey: "a" });
    await addCube(store, { id: "cube_2", sha256: blob.sha256, optionsKey: "b" });
    await store.blobs.release(blob.sha256);
    assertEquals(await store.cubes.remove("cube_1"), true);
    assertEquals(await store.cubes.remove("cube_1"), false);
    assertEquals(await store.cubes.get("cube_1"), undefined);
    assertEquals((await store.blobs.get(blob.sha256))?.sizeBytes, 5);
    await store.blobs.release(blob.sha256);
    await store.cubes.remove("cube_2");
    assertEquals(await store.blobs.get(blob.sha256), undefined);
    assertEquals((await store.storedCubes()).length, 0);
  });

  test("a cube is renamed and nothing else of it changes", async (store) => {
    const { cube } = await addCube(store, { id: "cube_1" });
    assertEquals(await store.cubes.rename("cube_1", "film"), { ...cube, name: "film" });
    assertEquals(await store.cubes.get("cube_1"), { ...cube, name: "film" });
    await assertFailsWith("cube_missing", () => store.cubes.rename("cube_2", "film"));
  });

  test("usage counts the upload and the stored values by owner, and expiry lists what is due", async (store) => {
    await addCube(store, { id: "cube_1", optionsKey: "1", owner: "key:a", expiresMs: 1000 });
    await addCube(store, { id: "cube_2", optionsKey: "2", owner: "key:b", expiresMs: 2000 });
    await addCube(store, { id: "cube_3", optionsKey: "3", owner: "key:b" });
    assertEquals(await store.cubes.usage("key:b"), { cubes: 2, bytes: 2 * (100 + 4 * 24) });
    assertEquals(await store.cubes.usage("key:c"), { cubes: 0, bytes: 0 });
    assertEquals((await store.cubes.usage()).cubes, 3);
    assertEquals(await store.cubes.ownerOf("cube_1"), "key:a");
    assertEquals(await store.cubes.expired(1000), ["cube_1"]);
  });

  test("an image channel is added to the record and the files", async (store) => {
    await addCube(store, { id: "cube_1" });
    const channel = { name: "HAADF", quantity: "intensity", unit: "", values_HW: new Float32Array(6).fill(3) };
    const record = await store.cubes.addImage("cube_1", channel);
    assertEquals(record.maps, [{ name: "HAADF", quantity: "intensity", unit: "" }]);
    assertEquals(await store.cubes.get("cube_1"), record);
    const reader = openCubeFile(await store.cubes.localFolder("cube_1"));
    assertEquals(reader.readImage("HAADF"), channel);
    reader.close();
    await assertFailsWith("map_exists", () => store.cubes.addImage("cube_1", channel));
    await assertFailsWith("cube_missing", () => store.cubes.addImage("cube_2", channel));
  });
}

function jobTests(test: Test): void {
  const admission = { caller: "key:a", priority: 5, createdMs: 0 };

  test("a job is stored as it was asked for", async ({ jobs }) => {
    const request = trainRequest({ notes: "first" });
    const { job, created } = await jobs.insert("job_1", request, { ...admission, createdMs: 1000 });
    assert.ok(created);
    assertEquals(job.request, request);
    assertEquals([job.state, job.createdAt, job.attempts], ["queued", "1970-01-01T00:00:01.000Z", 0]);
    assertEquals(await jobs.get("job_1"), job);
    assertEquals(await jobs.get("job_2"), undefined);
    assertEquals(await jobs.callerOf("job_1"), "key:a");
  });

  test("an update applies in the expected state only, together with its events", async ({ jobs }) => {
    await jobs.insert("job_1", trainRequest(), admission);
    assertEquals(
      await jobs.update("job_1", "running", { state: "succeeded" }, [{ event: "done", data: {} }]),
      undefined,
    );
    assertEquals((await jobs.get("job_1"))?.state, "queued");
    const event = { event: "state" as const, data: { state: "running" } };
    assertEquals((await jobs.update("job_1", "queued", { state: "running", startedMs: 5 }, [event]))?.state, "running");
    assertEquals(await jobs.eventsAfter("job_1", 0), [
      { sequence: 1, event: "state", json: '{"state":"queued"}' },
      { sequence: 2, event: "state", json: '{"state":"running"}' },
    ]);
    assertEquals(await jobs.eventsAfter("job_1", 2), []);
  });

  test("the history holds each epoch once, with the values of its last run", async ({ jobs }) => {
    await jobs.insert("job_1", trainRequest(), admission);
    await jobs.update("job_1", "queued", { state: "running" });
    const epochs = (...numbers: [number, number][]) =>
      jobs.update(
        "job_1",
        "running",
        { progress: progressAt(...numbers.at(-1)!) },
        numbers.map(([epoch, loss]) => ({ event: "epoch", data: { ...progressAt(epoch, loss) } })),
      );
    await epochs([1, 0.5], [2, 0.4], [3, 0.3]);
    await epochs([2, 0.41], [4, 0.2]);
    assertEquals((await jobs.get("job_1"))?.history, {
      trainLoss: [0.5, 0.41, 0.3, 0.2],
      testLoss: [null, null, null, null],
    });
    assertEquals((await jobs.get("job_1"))?.progress, progressAt(4, 0.2));
    assertEquals((await jobs.get("job_1", { bare: true }))?.history, undefined);
  });

  test("the next job: higher priority, then the caller with fewest running, then the longest waiting", async ({ jobs }) => {
    const add = (id: string, caller: string, priority = 5) =>
      jobs.insert(id, trainRequest(), { caller, priority, createdMs: 0 });
    const start = async (startedMs: number) => {
      const job = (await jobs.next(["train"]))!;
      await jobs.update(job.id, "queued", { state: "running", startedMs });
      return job.id;
    };
    for (const id of ["a1", "a2", "a3"]) await add(id, "a");
    for (const id of ["b1", "b2"]) await add(id, "b");
    await add("c9", "c", 9);
    assertEquals([await start(1), await start(2), await start(3), await start(4), await start(5)], [
      "c9",
      "a1",
      "b1",
      "a2",
      "b2",
    ]);
    assertEquals(await jobs.next(["result"]), undefined);
    assertEquals(await jobs.countByState(), { queued: 1, running: 5, succeeded: 0, failed: 0, cancelled: 0 });
  });

  test("callers that run nothing take turns", async ({ jobs }) => {
    for (const id of ["a1", "a2", "b1", "b2"]) {
      await jobs.insert(id, trainRequest(), { caller: id[0], priority: 5, createdMs: 0 });
    }
    const order: string[] = [];
    for (const ms of [1, 2, 3, 4]) {
      const { id } = (await jobs.next(["train"]))!;
      await jobs.update(id, "queued", { state: "running", startedMs: ms });
      await jobs.update(id, "running", { state: "succeeded", finishedMs: ms });
      order.push(id);
    }
    assertEquals(order, ["a1", "b1", "a2", "b2"]);
  });

  test("a job with the same key is not made twice, until the first has ended", async ({ jobs }) => {
    const submit = (id: string, createdMs = 0) =>
      jobs.insert(id, trainRequest(), { ...admission, createdMs, dedupeKey: "gmm of cube_1" });
    assertEquals((await submit("job_1")).created, true);
    const again = await submit("job_2");
    assertEquals([again.created, again.job.id], [false, "job_1"]);
    await jobs.update("job_1", "queued", { state: "cancelled", finishedMs: 0 });
    assertEquals((await submit("job_3")).created, true);
    const error = { code: "worker_lost", detail: "" };
    await jobs.update("job_3", "queued", { state: "failed", finishedMs: 0, error });
    assertEquals((await submit("job_4")).job.id, "job_3");
    assertEquals((await jobs.insert("job_4", trainRequest(), { ...admission, createdMs: 5 })).job.id, "job_3");
    assertEquals([
      (await jobs.quarantined(trainRequest(), 5))?.id,
      (await jobs.quarantined(trainRequest({ seed: 2 }), 5))?.id,
    ], [
      "job_3",
      undefined,
    ]);
    assertEquals((await submit("job_5", 3600 * 1000 + 1)).job.id, "job_5");
  });

  test("active jobs are found by cube, model and caller", async ({ jobs }) => {
    await jobs.insert("job_1", trainRequest({ cube: "cube_1", from: "film@2" }), admission);
    await jobs.insert("job_2", trainRequest({ cube: "cube_2" }), admission);
    await jobs.update("job_2", "queued", { state: "cancelled" });
    assertEquals(await jobs.activeUsing({ cube: "cube_1" }), ["job_1"]);
    assertEquals(await jobs.activeUsing({ cube: "cube_2" }), []);
    assertEquals(await jobs.activeUsing({ model: "film@2" }), ["job_1"]);
    assertEquals(await jobs.activeUsing({ model: "film@1" }), []);
    assertEquals(await jobs.countActive("key:a"), { jobs: 1, training: 1 });
    const sho = { kind: "result", result: "sho", cube: "cube_3", parameters: { imaginary: "cube_4" } } as const;
    await jobs.insert("job_3", sho, admission);
    for (const cube of ["cube_3", "cube_4"]) assertEquals(await jobs.activeUsing({ cube }), ["job_3"]);
    const several = trainRequest({ cube: undefined, cubes: [{ cube: "cube_5" }, { cube: "cube_6" }] });
    await jobs.insert("job_4", several, admission);
    for (const cube of ["cube_5", "cube_6"]) assertEquals(await jobs.activeUsing({ cube }), ["job_4"]);
    const refused = { ...admission, requireUsed: true };
    await assertFailsWith("cube_missing", () => jobs.insert("job_5", several, refused));
  });

  test("old finished jobs are pruned with their events, unfinished ones never", async ({ jobs }) => {
    for (let i = 1; i <= 4; i++) {
      await jobs.insert(`job_${i}`, trainRequest(), admission);
      if (i < 4) await jobs.update(`job_${i}`, "queued", { state: "cancelled", finishedMs: i * 100 });
    }
    assertEquals(await jobs.prune({ finishedBeforeMs: 150, keep: 10 }), ["job_1"]);
    assertEquals(await jobs.prune({ finishedBeforeMs: 0, keep: 1 }), ["job_2"]);
    assertEquals((await jobs.list({ limit: 10 })).items.map((job) => job.id), ["job_4", "job_3"]);
    assertEquals((await jobs.list({ limit: 10, state: "queued" })).items.map((job) => job.id), ["job_4"]);
    assertEquals(await jobs.eventsAfter("job_1", 0), []);
  });

  test("the job that made a visitor's model is known for as long as the model is there", async ({ jobs, models }) => {
    for (const [id, caller] of [["job_v", "visitor:1"], ["job_k", "key:a"]]) {
      await jobs.insert(id, trainRequest(), { ...admission, caller });
      await jobs.update(id, "queued", { state: "succeeded", finishedMs: 100 });
      await models.add("film", (folder, version) => writeModel(folder, "film", version), { madeBy: id });
    }
    assertEquals(await jobs.prune({ finishedBeforeMs: 0, keep: 0 }), ["job_k"]);
    assertEquals((await models.madeByCallers("visitor:", 101)).map(({ version }) => version), [1]);
    await models.removeVersion("film", 1);
    assertEquals(await jobs.prune({ finishedBeforeMs: 0, keep: 0 }), ["job_v"]);
  });
}

function responseTests(test: Test): void {
  const response = { status: 202, headers: { location: "/v1/jobs/1" }, body: Uint8Array.of(1, 2, 0, 255) };

  test("the first answer is given again, to its caller only", async ({ idempotency }) => {
    assertEquals(await idempotency.begin("key:a", "k"), { state: "new" });
    assertEquals(await idempotency.begin("key:a", "k"), { state: "running" });
    assertEquals(await idempotency.begin("key:b", "k"), { state: "new" });
    await idempotency.finish("key:a", "k", "f", response);
    const again = await idempotency.begin("key:a", "k");
    assertEquals(again, { state: "done", fingerprint: "f", response });
  });

  test("an abandoned key is free again", async ({ idempotency }) => {
    await idempotency.begin("key:a", "k");
    await idempotency.abandon("key:a", "k");
    assertEquals(await idempotency.begin("key:a", "k"), { state: "new" });
  });

  test("an answer is forgotten after a day", async ({ idempotency, clock }) => {
    await idempotency.begin("key:a", "k");
    await idempotency.finish("key:a", "k", "f", response);
    clock.passMs(24 * 3600 * 1000 - 1);
    assertEquals((await idempotency.begin("key:a", "k")).state, "done");
    clock.passMs(1);
    assertEquals((await idempotency.begin("key:a", "k")).state, "new");
  });
}

function keyTests(test: Test): void {
  test("a key is recognised by its whole secret until it is revoked", async ({ keys }) => {
    const { key, secret } = await keys.add("microscope", ["read", "predict"]);
    assertEquals(await keys.verify(secret), { id: key.id, scopes: ["read", "predict"] });
    for (
      const wrong of [
        "",
        "x",
        secret.slice(0, -1),
        secret + "x",
        secret.replace(/.$/, (c) => c === "A" ? "B" : "A"),
      ]
    ) {
      assertEquals(await keys.verify(wrong), undefined);
    }
    assertEquals((await keys.list()).map(({ id, name, revokedAt }) => [id, name, revokedAt]), [[
      key.id,
      "microscope",
      undefined,
    ]]);
    assertEquals([await keys.revoke(key.id), await keys.revoke(key.id)], [true, false]);
    assertEquals(await keys.verify(secret), undefined);
    assert.ok((await keys.list())[0].revokedAt);
  });
}

function resultTests(test: Test): void {
  test("a result comes back with its ETag, by cube and key", async ({ results }) => {
    const bytes = new TextEncoder().encode("result");
    const etag = await results.put("cube_1", "gmm", bytes);
    assertEquals(await results.get("cube_1", "gmm"), { bytes, etag });
    assertEquals(etag, "f6a214f7a5fcda0c2cee9660b7fc29f5649e3c68aad48e20e950137c98913a68"); // SHA-256 of "result"
    assertEquals(await results.get("cube_2", "gmm"), undefined);
    await results.removeScope("cube_1");
    assertEquals(await results.get("cube_1", "gmm"), undefined);
    assertEquals(results.sizeBytes, 0);
  });
}
