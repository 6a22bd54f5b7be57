import { LoopscopeError } from "../../lib/base/errors.ts";
import { addCube } from "../support/stored_cube.ts";
import { writeModel } from "../support/stored_model.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { type StoreUnderTest, trainRequest } from "./record_store_contract.ts";

const ROUNDS = 8;
const admission = { caller: "key:a", priority: 5, createdMs: 0 };

/** Codes of those that failed, in order; undefined for those that did not. */
async function outcomes(calls: Promise<unknown>[]): Promise<(string | undefined)[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((one) => one.status === "rejected" ? (one.reason as LoopscopeError).code : undefined);
}

function limitOf(most: number): (met: number) => void {
  return (met) => {
    if (met >= most) throw new LoopscopeError("tooMany", "limit", `${met} are there; expected fewer than ${most}`);
  };
}

const succeeded = (codes: (string | undefined)[]) => codes.filter((code) => code === undefined).length;

/** What is one transaction stays one, however the calls of several callers interleave. */
export function interleavingContract(name: string, open: () => Promise<StoreUnderTest>): void {
  const test = (what: string, run: (store: StoreUnderTest, round: number) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await using store = await open();
        await run(store, round);
      }
    });

  test("of submissions with one key one creates a job, while it is unfinished or ever", async ({ jobs }) => {
    for (const dedupe of ["unfinished", "ever"] as const) {
      const submit = (i: number) =>
        jobs.insert(`job_${dedupe}${i}`, trainRequest(), { ...admission, dedupe, dedupeKey: dedupe });
      const made = await Promise.all([1, 2, 3].map(submit));
      assertEquals(made.filter(({ created }) => created).length, 1);
      assertEquals(new Set(made.map(({ job }) => job.id)).size, 1);
    }
  });

  test("a quota of jobs, cubes and uploads is never exceeded", async ({ jobs, uploads, ...store }) => {
    const admitJob = ({ jobs }: { jobs: number }) => limitOf(3)(jobs);
    const submitted = Array.from({ length: 6 }, (_, i) => {
      return jobs.insert(`job_${i}`, trainRequest(), { ...admission, admit: admitJob });
    });
    assertEquals(succeeded(await outcomes(submitted)), 3);
    const cubes = Array.from({ length: 5 }, (_, i) => {
      const admit = ({ cubes }: { cubes: number }) => limitOf(2)(cubes);
      return addCube(store, { id: `cube_${i}`, optionsKey: String(i), admit });
    });
    assertEquals(succeeded(await outcomes(cubes)), 2);
    assertEquals((await store.cubes.usage()).cubes, 2);
    assertEquals((await store.storedCubes()).length, 2);
    const upload = { sizeBytes: 5, metadata: {}, owner: "key:a", createdMs: 0, expiresMs: 1000 };
    const begun = Array.from({ length: 5 }, () => uploads.create(upload, ({ mine }) => limitOf(2)(mine.count)));
    assertEquals(succeeded(await outcomes(begun)), 2);
  });

  test("a cube is deleted or a job uses it, never both", async (store, round) => {
    await addCube(store, { id: "cube_1" });
    const submit = () => store.jobs.insert("job_1", trainRequest(), { ...admission, requireUsed: true });
    const remove = () => store.cubes.remove("cube_1", { ifUnused: true });
    const codes = await outcomes(round % 2 ? [submit(), remove()] : [remove(), submit()]);
    assertEquals(succeeded(codes), 1);
    const used = (await store.jobs.activeUsing({ cube: "cube_1" })).length > 0;
    assertEquals(await store.cubes.get("cube_1") !== undefined, used);
  });

  test("a cube that is renewed is not removed as expired", async (store) => {
    await addCube(store, { id: "cube_1", owner: "visitor:1", expiresMs: 1000 });
    const renewed = store.cubes.renew("cube_1", { owner: "key:a" });
    const [removed] = await Promise.all([store.cubes.remove("cube_1", { ifExpiredMs: 1000 }), renewed]);
    assertEquals(await store.cubes.get("cube_1") === undefined, removed);
  });

  test("the same bytes that arrive together give one cube", async (store) => {
    const made = await Promise.all([1, 2, 3].map((i) => addCube(store, { id: `cube_${i}` })));
    assertEquals(made.filter(({ created }) => created).length, 1);
    assertEquals(new Set(made.map(({ cube }) => cube.id)).size, 1);
    assertEquals((await store.storedCubes()).length, 1);
  });

  test(
    "a version is removed, named by an alias, or used by a job: one of them",
    async ({ models, jobs, ...store }, round) => {
      await addCube(store, { id: "cube_1" });
      await models.add("film", (folder, version) => writeModel(folder, "film", version));
      const submit = () => jobs.insert("job_1", trainRequest({ from: "film@1" }), { ...admission, requireUsed: true });
      const other = round % 2 ? () => models.setAlias("film", "best", 1) : submit;
      const codes = await outcomes([models.removeVersion("film", 1), other()]);
      assertEquals(succeeded(codes), 1);
      const there = await models.find("film") !== undefined;
      assertEquals(there, codes[0] !== undefined);
    },
  );

  test("of two changes of aliases at one revision one is made, and an alias is created once", async ({ models }) => {
    for (let i = 0; i < 2; i++) await models.add("film", (folder, version) => writeModel(folder, "film", version));
    const ifRevision = await models.aliasRevision("film");
    const changes = [1, 2].map((version) => models.setAlias("film", "best", version, { ifRevision }));
    assertEquals((await outcomes(changes)).sort(), ["alias_changed", undefined]);
    const creations = [1, 2].map((version) => models.setAlias("film", "new", version, { ifAbsent: true }));
    assertEquals((await outcomes(creations)).sort(), ["alias_exists", undefined]);
  });

  test("versions that are added together get numbers of their own, one job makes one", async ({ models }) => {
    const add = (madeBy?: string) =>
      models.add("film", (folder, version) => writeModel(folder, "film", version), { madeBy });
    const versions = await Promise.all([add(), add(), add("job_1")]);
    assertEquals(new Set(versions), new Set([1, 2, 3]));
    assertEquals(await add("job_1"), versions[2]);
  });

  test("a job in one state is taken to another by one caller", async ({ jobs }) => {
    await jobs.insert("job_1", trainRequest(), admission);
    const start = () => jobs.update("job_1", "queued", { state: "running" }, [{ event: "state", data: {} }]);
    const started = await Promise.all([start(), start(), start()]);
    assertEquals(started.filter((job) => job !== undefined).length, 1);
    assertEquals((await jobs.eventsAfter("job_1", 0)).map(({ sequence }) => sequence), [1, 2]);
  });

  test("an idempotency key belongs to the first of those who claim it", async ({ idempotency }) => {
    const claims = await Promise.all([1, 2, 3].map(() => idempotency.begin("key:a", "k")));
    assertEquals(claims.map(({ state }) => state).sort(), ["new", "running", "running"]);
  });

  test("a piece of an upload is taken once, and one request at a time finishes it", async ({ uploads }) => {
    const { id } = await uploads.create({ sizeBytes: 3, metadata: {}, owner: "a", createdMs: 0, expiresMs: 9 });
    const signal = new AbortController().signal;
    const append = () => uploads.append(id, 0, new Blob(["abc"]).stream(), { signal });
    const codes = await outcomes([append(), append()]);
    assertEquals(succeeded(codes), 1);
    assert.ok(codes.some((code) => code === "upload_busy" || code === "wrong_offset"));
    assertEquals((await uploads.get(id)).offset, 3);
  });
}
