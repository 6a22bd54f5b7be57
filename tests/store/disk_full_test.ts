import { createRandom } from "../../lib/base/random.ts";
import { checkDataFolder } from "../../lib/store/check_data_folder.ts";
import { openStore, type Store } from "../../lib/store/open_store.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { chooseAction, perform } from "./support/crash_writer.ts";
import { canMountSmallDisk, smallDisk } from "../support/small_disk.ts";
import { checkPromises, Promises } from "./support/promises.ts";

/** `DISK_ROUNDS=100` for the long run. */
const ROUNDS = Number(Deno.env.get("DISK_ROUNDS") ?? 10);

/** Fills the disk with actions until one is refused; that one must have happened wholly or not at all. */
async function fillDisk(store: Store, promised: Promises, round: number): Promise<void> {
  const random = createRandom(round);
  for (let i = 0;; i++) {
    const action = chooseAction(store, random, round * 1000 + i);
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

async function freeDisk(store: Store, promised: Promises): Promise<void> {
  for (const id of [...promised.cubes].slice(0, -3)) {
    await store.cubes.remove(id);
    promised.cubes.delete(id);
  }
  for (const version of [...promised.versions].slice(0, -1).filter((version) => version !== promised.alias)) {
    await store.models.removeVersion("film", version);
    promised.versions.delete(version);
  }
  for (const id of [...store.jobs.inState("queued"), ...store.jobs.inState("running")]) {
    await store.checkpoints.remove(id);
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
      const store = await openStore({ root: `${path}/data`, zooPath: "", reserveBytes: 0 });
      await fillDisk(store, promised, round);
      await checkPromises(store, promised);
      for await (const finding of checkDataFolder(store, { deep: true })) assert.fail(JSON.stringify(finding));
      Deno.removeSync(`${path}/ballast`);
      await freeDisk(store, promised);
      await checkPromises(store, promised);
      store.close();
    }
  },
);

testOnSmallDisk("an upload is refused while there is still room to delete something", async (path) => {
  const store = await openStore({ root: `${path}/data`, zooPath: "", reserveBytes: 1_000_000 });
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => controller.enqueue(new Uint8Array(100_000)),
  });
  await assertFailsWith("disk_full", () => store.blobs.put(endless, { maxBytes: 1e9 }));
  assert.ok(store.folder.freeBytes() >= 1_000_000);
  assertEquals([...Deno.readDirSync(`${path}/data/tmp`)], []);
  store.close();
});
