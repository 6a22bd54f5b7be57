import { DataFolder } from "../../lib/store/embedded/data_folder.ts";
import { DiskResultCache } from "../../lib/store/embedded/disk_result_cache.ts";
import { openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { temporaryStore } from "../support/temporary_store.ts";

async function withFolder(run: (folder: DataFolder) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  const folder = new DataFolder(root);
  await run(folder);
  folder.close();
  await Deno.remove(root, { recursive: true });
}

const result = (length: number, fill: number) => new Uint8Array(length).fill(fill);

Deno.test("the least recently used results go when the bound is reached", () =>
  withFolder(async (folder) => {
    const cache = new DiskResultCache(folder, 400);
    for (let i = 0; i < 3; i++) await cache.put("cube", `r${i}`, result(100, i));
    await cache.get("cube", "r0");
    await cache.put("cube", "r3", result(100, 3));
    const there = await Promise.all([0, 1, 2, 3].map(async (i) => (await cache.get("cube", `r${i}`))?.bytes[0]));
    assertEquals(there, [0, undefined, 2, 3]);
    assert.ok(cache.sizeBytes <= 400);
    await cache.put("cube", "large", result(401, 9));
    assertEquals(await cache.get("cube", "large"), undefined);
  }));

Deno.test("a file that was deleted by hand is made again, not promised", () =>
  withFolder(async (folder) => {
    const cache = new DiskResultCache(folder, 10_000);
    const make = (length: number) =>
      cache.localFile("cube", "applied", async ({ draft, file }) => {
        await Deno.writeFile(draft, result(length, 7));
        await Deno.rename(draft, file);
      });
    const path = await make(100);
    assertEquals([await cache.has("cube", "applied"), cache.sizeBytes], [true, 100]);
    assertEquals([await make(60), Deno.statSync(path).size], [path, 100]);
    Deno.removeSync(`${folder.resultsPath}/cube`, { recursive: true });
    assertEquals([await cache.has("cube", "applied"), cache.sizeBytes], [false, 0]);
    await make(50);
    assertEquals([await cache.has("cube", "applied"), cache.sizeBytes], [true, 50]);
  }));

Deno.test("a command that opens the folder beside a service leaves its results alone", async () => {
  await using store = await temporaryStore();
  await store.results.put("cube", "r", result(100, 7));
  const beside = await openEmbeddedStore({ root: store.folder.root, zooPath: "", shared: true, resultBytes: 10 });
  await beside.close();
  assertEquals((await store.results.get("cube", "r"))?.bytes, result(100, 7));
});

Deno.test("results outlive the process, damaged ones and ones deleted by hand do not count", () =>
  withFolder(async (folder) => {
    const cache = new DiskResultCache(folder, 10_000);
    for (const key of ["whole", "damaged", "deleted"]) await cache.put("cube", key, result(100, 7));
    const reopened = new DiskResultCache(folder, 10_000);
    const [damaged, deleted] = [...Deno.readDirSync(`${folder.resultsPath}/cube`)].map((file) => file.name)
      .map((name) => `${folder.resultsPath}/cube/${name}`);
    const bytes = Deno.readFileSync(damaged);
    bytes[90] ^= 1;
    Deno.writeFileSync(damaged, bytes);
    Deno.removeSync(deleted);
    const found = await Promise.all(["whole", "damaged", "deleted"].map((key) => reopened.get("cube", key)));
    assertEquals(found.filter((entry) => entry !== undefined).map((entry) => entry.bytes), [result(100, 7)]);
    assertEquals(reopened.sizeBytes, 132);
  }));
