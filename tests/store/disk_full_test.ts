import { createRandom } from "../../lib/base/random.ts";
import { checkDataFolder } from "../../lib/store/maintenance/check_data_folder.ts";
import { type EmbeddedStore, openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
import { writeLargeFileDurably } from "../../lib/store/durable.ts";
import { trainRequest } from "../contracts/record_store_contract.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { chooseAction, perform } from "./support/crash_writer.ts";
import { canMountSmallDisk, smallDisk } from "../support/small_disk.ts";
import { addCube } from "../support/stored_cube.ts";
import { writeModel } from "../support/stored_model.ts";
import { checkPromises, Promises } from "./support/promises.ts";

/** `DISK_ROUNDS=100` for the long run. */
const ROUNDS = Number(Deno.env.get("DISK_ROUNDS") ?? 10);

/** Fills the disk with actions until one is refused; that one must have happened wholly or not at all. */
async function fillDisk(store: EmbeddedStore, promised: Promises, round: number): Promise<void> {
  const random = createRandom(round);
  for (let i = 0;; i++) {
    const action = await chooseAction(store, random, round * 1000 + i);
    if (action.kind === "removeCube" || action.kind === "removeModel") continue;
    try {
      await perform(store, action);
      promised.keep(action);
    } catch (error) {
      assertEquals((error as { code?: string }).code, "disk_full", `${action.kind}: ${error}`);
      return promised.settle(store, action);
    }
  }
}

async function freeDisk(store: EmbeddedStore, promised: Promises): Promise<void> {
  for (const id of [...promised.cubes].slice(0, -3)) {
    await store.cubes.remove(id);
    promised.cubes.delete(id);
  }
  for (const version of [...promised.versions].slice(0, -1).filter((version) => version !== promised.alias)) {
    await store.models.removeVersion("film", version);
    promised.versions.delete(version);
  }
  for (const id of [...await store.jobs.inState("queued"), ...await store.jobs.inState("running")]) {
    await store.checkpoints.remove(id);
  }
}

/** Another program takes all that is left. */
function fillUp(disk: string): void {
  const block = new Uint8Array(4096);
  using file = Deno.openSync(`${disk}/ballast`, { append: true, create: true });
  try {
    while (true) file.writeSync(block);
  } catch (error) {
    assertEquals((error as { code?: string }).code, "ENOSPC");
  }
}

const mountable = await canMountSmallDisk();

/** `Deno.test` on a disk of 3 MiB; skipped with a reason in its name where none can be mounted. */
function testOnSmallDisk(name: string, run: (path: string) => Promise<void>): void {
  Deno.test({
    name: name + (mountable ? "" : " (skipped: no small disk can be mounted)"),
    ignore: !mountable,
    async fn() {
      await using disk = await smallDisk(3);
      await run(disk!.path);
    },
  });
}

testOnSmallDisk(
  `on a disk that fills up ${ROUNDS} times nothing acknowledged is lost and nothing half-written stays`,
  async (path) => {
    const promised = new Promises();
    for (let round = 1; round <= ROUNDS; round++) {
      Deno.writeFileSync(`${path}/ballast`, new Uint8Array(400_000));
      const store = await openEmbeddedStore({ root: `${path}/data`, zooPath: "", reserveBytes: 0 });
      await fillDisk(store, promised, round);
      await checkPromises(store, promised);
      for await (const finding of checkDataFolder(store, { deep: true })) assert.fail(JSON.stringify(finding));
      Deno.removeSync(`${path}/ballast`);
      await freeDisk(store, promised);
      await checkPromises(store, promised);
      await store.close();
    }
  },
);

testOnSmallDisk("an upload is refused while there is still room to delete something", async (path) => {
  const store = await openEmbeddedStore({ root: `${path}/data`, zooPath: "", reserveBytes: 1_000_000 });
  const endless = () =>
    new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => controller.enqueue(new Uint8Array(100_000)),
    });
  await assertFailsWith("disk_full", () => store.blobs.put(endless(), { maxBytes: 1e9 }));
  assert.ok(store.folder.freeBytes() >= 1_000_000);
  assertEquals([...Deno.readDirSync(`${path}/data/tmp`)], []);
  const upload = await store.uploads.create({ sizeBytes: 1e9, metadata: {}, owner: "a", createdMs: 0, expiresMs: 1 });
  const { signal } = new AbortController();
  await assertFailsWith("disk_full", () => store.uploads.append(upload.id, 0, endless(), { signal }));
  assert.ok(store.folder.freeBytes() >= 1_000_000);
  await store.close();
});

testOnSmallDisk(
  "when others have taken the last byte, things are deleted, cancelled and revoked all the same",
  async (path) => {
    const store = await openEmbeddedStore({ root: `${path}/data`, zooPath: "", reserveBytes: 20e6 });
    const ids = Array.from({ length: 5 }, (_, i) => String(i));
    const submit = (id: string) => store.jobs.insert(id, trainRequest(), { caller: "a", priority: 5, createdMs: 0 });
    for (const id of ids) {
      await addCube(store, { id, optionsKey: id });
      await submit(id);
    }
    const { key } = await store.keys.add("a", ["read"]);
    await store.models.add("film", (folder, version) => writeModel(folder, "film", version));
    await store.models.setAlias("film", "best", 1);
    fillUp(path);
    await assertFailsWith("disk_full", () => submit("late"));
    assert.ok(await store.keys.revoke(key.id));
    fillUp(path);
    await assertFailsWith("disk_full", () => submit("late"));
    await store.models.removeAlias("film", "best");
    await store.models.removeVersion("film", 1);
    fillUp(path);
    await assertFailsWith("disk_full", () => submit("late"));
    for (const id of ids) assert.ok(await store.cubes.remove(id));
    fillUp(path);
    await assertFailsWith("disk_full", () => submit("late"));
    for (const id of ids) {
      assertEquals((await store.jobs.update(id, "queued", { state: "cancelled", finishedMs: 1 }))?.state, "cancelled");
    }
    await store.close();
  },
);

testOnSmallDisk("a few bytes more than there is room for are refused, not kept cut short", async (path) => {
  fillUp(path);
  await assertFailsWith("disk_full", () => writeLargeFileDurably(`${path}/whole`, [new Uint8Array(100)]));
  assertEquals([...Deno.readDirSync(path)].map(({ name }) => name).filter((name) => name.startsWith("whole")), []);
});

testOnSmallDisk("a start without room for SQLite's index says that the disk is full", async (path) => {
  const options = { root: `${path}/data`, zooPath: "", reserveBytes: 0 };
  const first = await openEmbeddedStore(options);
  Deno.copyFileSync(first.db.path + "-wal", `${path}/wal`);
  await first.close();
  // As a killed process leaves it, and somebody who tidies up.
  Deno.renameSync(`${path}/wal`, first.db.path + "-wal");
  fillUp(path);
  await assertFailsWith("disk_full", () => openEmbeddedStore(options));
  Deno.removeSync(`${path}/ballast`);
  const second = await openEmbeddedStore(options);
  assertEquals(second.db.problems(), []);
  await second.close();
});
