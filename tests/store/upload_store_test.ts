import { DataFolder } from "../../lib/store/data_folder.ts";
import { UploadStore } from "../../lib/store/upload_store.ts";
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

Deno.test("the newest ends are remembered, also by the next process, and no more", () =>
  withFolder((folder) => {
    const uploads = new UploadStore(folder, 3);
    const made = Array.from({ length: 6 }, () => uploads.create(wanted));
    for (const upload of made.slice(1)) uploads.finish(upload, `cube_${upload.id}`);
    const known = (store: UploadStore) =>
      made.filter(({ id }) => knows(store, id)).map(({ id }) => made.findIndex((u) => u.id === id));
    assertEquals(known(uploads), [0, 3, 4, 5]);
    assertEquals(uploads.unfinished().map(({ id }) => id), [made[0].id]);
    assertEquals([uploads.promisedBytes, [...Deno.readDirSync(`${folder.root}/uploads`)].length], [5, 5]);
    const next = new UploadStore(folder, 3);
    assertEquals(known(next), [0, 3, 4, 5]);
    assertEquals([next.get(made[5].id).cube, next.get(made[5].id).offset], [`cube_${made[5].id}`, 5]);
    assertEquals([next.expire(999), next.expire(1000)], [0, 4]);
    assertEquals([...Deno.readDirSync(`${folder.root}/uploads`)], []);
    return Promise.resolve();
  }));

function knows(store: UploadStore, id: string): boolean {
  try {
    return store.get(id).id === id;
  } catch {
    return false;
  }
}

Deno.test("a note that cannot be read, or bytes that are gone, hold up no other upload", () =>
  withFolder(async (folder) => {
    const before = new UploadStore(folder);
    const [damaged, gone, whole] = [1, 2, 3].map(() => before.create(wanted).id);
    await before.append(whole, 0, piece("123"), { signal });
    Deno.writeTextFileSync(`${folder.root}/uploads/${damaged}.json`, "{");
    Deno.removeSync(`${folder.root}/uploads/${gone}.part`);
    const uploads = new UploadStore(folder);
    for (const id of [damaged, gone, "upload_../../x"]) await assertFailsWith("upload_missing", () => uploads.get(id));
    assertEquals([uploads.get(whole).offset, uploads.expire(0)], [3, 0]);
    assert.ok(uploads.create(wanted).id);
    assertEquals(await uploads.append(whole, 3, piece("45"), { signal }), 5);
  }));

Deno.test("of two pieces at once one is taken, and an upload that expires meanwhile is finished first", () =>
  withFolder(async (folder) => {
    const uploads = new UploadStore(folder);
    const { id } = uploads.create(wanted);
    const first = uploads.append(id, 0, piece("12"), { signal });
    await assertFailsWith("upload_busy", () => uploads.append(id, 0, piece("ab"), { signal }));
    assertEquals(uploads.expire(1000), 0);
    assertEquals(await first, 2);
    await assertFailsWith("wrong_offset", () => uploads.append(id, 0, piece("ab"), { signal }));
    assertEquals(uploads.expire(1000), 1);
    await assertFailsWith("upload_missing", () => uploads.append(id, 2, piece("345"), { signal }));
  }));
