import { createHash } from "node:crypto";
import { LoopscopeError } from "../../lib/base/errors.ts";
import type { UploadStore } from "../../lib/store/ports/upload_store.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

export interface UploadStoreUnderTest extends AsyncDisposable {
  uploads: UploadStore;
  /** The same as another process has it, or as it is after a restart. */
  reopen(): UploadStore;
  /** Number of files or objects that hold bytes. */
  stored(): Promise<number>;
}

const wanted = { sizeBytes: 6, metadata: { name: "a" }, owner: "key:a", createdMs: 0, expiresMs: 1000 };
const signal = new AbortController().signal;
const piece = (text: string) => new Blob([text]).stream();
const bytesIn = async (uploads: UploadStore, id: string) => await new Response(await uploads.open(id)).text();
const sha1 = (text: string) => ({ algorithm: "sha1" as const, digest: createHash("sha1").update(text).digest() });

/** What every store of uploads does. */
export function uploadStoreContract(name: string, open: () => Promise<UploadStoreUnderTest>): void {
  const test = (what: string, run: (store: UploadStoreUnderTest) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      await using store = await open();
      await run(store);
    });

  test("an upload goes on where another process stopped", async ({ uploads, reopen }) => {
    const { id } = await uploads.create(wanted);
    assertEquals(await uploads.append(id, 0, piece("ab"), { signal }), 2);
    const other = reopen();
    assertEquals(await other.get(id), { ...wanted, id, offset: 2 });
    assertEquals(await other.append(id, 2, piece("cdef"), { signal }), 6);
    assertEquals(await bytesIn(other, id), "abcdef");
  });

  test("a piece at another offset, or with more bytes than were announced, changes nothing", async ({ uploads }) => {
    const { id } = await uploads.create(wanted);
    await uploads.append(id, 0, piece("ab"), { signal });
    for (const offset of [0, 1, 3]) {
      const error = await assertFailsWith("wrong_offset", () => uploads.append(id, offset, piece("x"), { signal }));
      assert.match(error.message, new RegExp(`^Upload-Offset is ${offset}; expected 2$`));
    }
    await assertFailsWith("too_large", () => uploads.append(id, 2, piece("cdefg"), { signal }));
    assertEquals([(await uploads.get(id)).offset, await bytesIn(uploads, id)], [2, "ab"]);
  });

  test("what arrived before a connection was cut stays, but of a piece with a checksum", async ({ uploads }) => {
    const cut = () => {
      let sent = false;
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          if (sent) controller.error(new Error("connection reset"));
          else controller.enqueue(new TextEncoder().encode("cd"));
          sent = true;
        },
      });
    };
    const { id } = await uploads.create(wanted);
    await uploads.append(id, 0, piece("ab"), { signal });
    await assert.rejects(uploads.append(id, 2, cut(), { signal, checksum: sha1("cd") }), /connection reset/);
    assertEquals(await bytesIn(uploads, id), "ab");
    await assert.rejects(uploads.append(id, 2, cut(), { signal }), /connection reset/);
    assertEquals([(await uploads.get(id)).offset, await bytesIn(uploads, id)], [4, "abcd"]);
  });

  test("a piece with another checksum leaves the upload as it was", async ({ uploads, stored }) => {
    const { id } = await uploads.create(wanted);
    await uploads.append(id, 0, piece("ab"), { signal, checksum: sha1("ab") });
    const before = await stored();
    const wrong = () => uploads.append(id, 2, piece("cd"), { signal, checksum: sha1("ce") });
    await assertFailsWith("checksum_mismatch", wrong);
    assertEquals([await stored(), await bytesIn(uploads, id)], [before, "ab"]);
  });

  test("one request at a time has an upload", async ({ uploads }) => {
    const { id } = await uploads.create(wanted);
    await uploads.exclusively(id, async () => {
      await assertFailsWith("upload_busy", () => uploads.append(id, 0, piece("ab"), { signal }));
      assertEquals(await uploads.expire(1000), 0);
    });
    assertEquals(await uploads.append(id, 0, piece("ab"), { signal }), 2);
  });

  test("a finished upload keeps its record and not its bytes", async ({ uploads, reopen, stored }) => {
    const upload = await uploads.create(wanted);
    await uploads.append(upload.id, 0, piece("abcdef"), { signal });
    await uploads.finish(upload, "cube_1");
    const { cube, offset } = await reopen().get(upload.id);
    assertEquals([cube, offset], ["cube_1", 6]);
    assertEquals(await uploads.append(upload.id, 6, piece(""), { signal }), 6);
    await assertFailsWith("too_large", () => uploads.append(upload.id, 6, piece("g"), { signal }));
    assertEquals(await stored(), 0);
  });

  test("an upload that expired or was removed is gone with its bytes", async ({ uploads, stored }) => {
    const [old, removed, young] = [
      await uploads.create(wanted),
      await uploads.create(wanted),
      await uploads.create({ ...wanted, expiresMs: 2000 }),
    ];
    for (const { id } of [old, removed]) await uploads.append(id, 0, piece("abc"), { signal });
    await uploads.remove(removed.id);
    assertEquals([await uploads.expire(999), await uploads.expire(1000)], [0, 1]);
    for (const { id } of [old, removed]) await assertFailsWith("upload_missing", () => uploads.get(id));
    await uploads.append(young.id, 0, piece("abc"), { signal });
    assertEquals(await stored(), 1);
    let unfinished: unknown;
    const refused = uploads.create(wanted, (met) => {
      unfinished = met;
      throw new LoopscopeError("tooMany", "refused", "");
    });
    await assertFailsWith("refused", () => refused);
    assertEquals(unfinished, { count: 1, promisedBytes: 6, mine: { count: 1, bytes: 6 } });
  });
}
