import { LoopscopeError } from "../../lib/base/errors.ts";
import type { Upload } from "../../lib/schemas/upload.ts";
import { DataFolder } from "../../lib/store/embedded/data_folder.ts";
import { DiskUploadStore } from "../../lib/store/embedded/disk_upload_store.ts";
import { uploadStoreContract } from "../contracts/upload_store_contract.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

const signal = new AbortController().signal;
const wanted = { sizeBytes: 5, metadata: {}, owner: "key:a", createdMs: 0, expiresMs: 1000 };

async function withFolder(run: (folder: DataFolder) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  const folder = new DataFolder(root, { reserveBytes: 0 });
  await run(folder);
  folder.close();
  await Deno.remove(root, { recursive: true });
}

const piece = (text: string) => new Blob([text]).stream();

uploadStoreContract("uploads on the disk", async () => {
  const root = await Deno.makeTempDir();
  const folder = new DataFolder(root, { reserveBytes: 0 });
  const names = () => [...Deno.readDirSync(`${root}/uploads`)].map(({ name }) => name);
  return {
    uploads: new DiskUploadStore(folder),
    reopen: () => new DiskUploadStore(folder),
    stored: () => Promise.resolve(names().filter((name) => name.endsWith(".part")).length),
    async [Symbol.asyncDispose]() {
      folder.close();
      await Deno.remove(root, { recursive: true });
    },
  };
});

Deno.test("the newest ends are remembered, also by the next process, and no more", () =>
  withFolder(async (folder) => {
    const uploads = new DiskUploadStore(folder, 3);
    const made: Upload[] = [];
    for (let i = 0; i < 6; i++) made.push(await uploads.create(wanted));
    for (const upload of made.slice(1)) await uploads.finish(upload, `cube_${upload.id}`);
    const known = async (store: DiskUploadStore) => {
      const found = await Promise.all(made.map(({ id }) => knows(store, id)));
      return found.flatMap((there, i) => there ? [i] : []);
    };
    assertEquals(await known(uploads), [0, 3, 4, 5]);
    let unfinished: unknown;
    const look = () =>
      uploads.create(wanted, (met) => {
        unfinished = met;
        throw new LoopscopeError("tooMany", "looked", "");
      });
    await assertFailsWith("looked", look);
    assertEquals(unfinished, { count: 1, promisedBytes: 5, mine: { count: 1, bytes: 5 } });
    assertEquals([...Deno.readDirSync(`${folder.root}/uploads`)].length, 5);
    const next = new DiskUploadStore(folder, 3);
    assertEquals(await known(next), [0, 3, 4, 5]);
    assertEquals([(await next.get(made[5].id)).cube, (await next.get(made[5].id)).offset], [`cube_${made[5].id}`, 5]);
    assertEquals([await next.expire(999), await next.expire(1000)], [0, 4]);
    assertEquals([...Deno.readDirSync(`${folder.root}/uploads`)], []);
  }));

function knows(store: DiskUploadStore, id: string): Promise<boolean> {
  return store.get(id).then((upload) => upload.id === id, () => false);
}

Deno.test("a note that cannot be read, or bytes that are gone, hold up no other upload", () =>
  withFolder(async (folder) => {
    const before = new DiskUploadStore(folder);
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.push((await before.create(wanted)).id);
    const [damaged, gone, whole] = ids;
    await before.append(whole, 0, piece("123"), { signal });
    Deno.writeTextFileSync(`${folder.root}/uploads/${damaged}.json`, "{");
    Deno.removeSync(`${folder.root}/uploads/${gone}.part`);
    const uploads = new DiskUploadStore(folder);
    for (const id of [damaged, gone, "upload_../../x"]) await assertFailsWith("upload_missing", () => uploads.get(id));
    assertEquals([(await uploads.get(whole)).offset, await uploads.expire(0)], [3, 0]);
    assert.ok((await uploads.create(wanted)).id);
    assertEquals(await uploads.append(whole, 3, piece("45"), { signal }), 5);
  }));

Deno.test("of two pieces at once one is taken, and an upload that expires meanwhile is finished first", () =>
  withFolder(async (folder) => {
    const uploads = new DiskUploadStore(folder);
    const { id } = await uploads.create(wanted);
    const first = uploads.append(id, 0, piece("12"), { signal });
    await assertFailsWith("upload_busy", () => uploads.append(id, 0, piece("ab"), { signal }));
    assertEquals(await uploads.expire(1000), 0);
    assertEquals(await first, 2);
    await assertFailsWith("wrong_offset", () => uploads.append(id, 0, piece("ab"), { signal }));
    assertEquals(await uploads.expire(1000), 1);
    await assertFailsWith("upload_missing", () => uploads.append(id, 2, piece("345"), { signal }));
  }));
