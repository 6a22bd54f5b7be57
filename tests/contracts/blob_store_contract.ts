import { createHash } from "node:crypto";
import { createRandom } from "../../lib/base/random.ts";
import type { BlobStore } from "../../lib/store/ports/blob_store.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

export interface BlobStoreUnderTest extends AsyncDisposable {
  blobs: BlobStore;
  /** Tells the store that a record needs these bytes. */
  need(sha256: string): void;
  /** SHA-256 of everything stored. */
  stored(): Promise<string[]>;
  /** Removes what is neither held nor needed; returns how many. */
  sweep(): Promise<number>;
  /** Number of half-written things. */
  leftovers(): number;
}

function bytesOf(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = createRandom(seed);
  return Uint8Array.from({ length }, () => random.integer(256));
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Bytes in uneven pieces, some empty. */
function inPieces(bytes: Uint8Array<ArrayBuffer>, pieces: number[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0, turn = 0;
  return new ReadableStream({
    pull(controller) {
      const length = pieces[turn++ % pieces.length];
      controller.enqueue(bytes.slice(at, at + length));
      at += length;
      if (at >= bytes.length) controller.close();
    },
  });
}

/** What every blob store does. */
export function blobStoreContract(name: string, open: () => Promise<BlobStoreUnderTest>): void {
  const test = (what: string, run: (under: BlobStoreUnderTest) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      await using under = await open();
      await run(under);
      assertEquals(under.leftovers(), 0, "half-written things are left");
    });

  for (const [length, pieces] of [[0, [1]], [1, [1]], [3_000_000, [0, 7, 65536, 2_000_000, 1]]] as const) {
    test(`${length} bytes come back under their SHA-256`, async ({ blobs }) => {
      const bytes = bytesOf(length, length + 1);
      const blob = await blobs.put(inPieces(bytes, [...pieces]), { maxBytes: length });
      assertEquals([blob.sha256, blob.sizeBytes], [sha256(bytes), length]);
      assertEquals(sha256(await Deno.readFile(blob.path)), blob.sha256);
    });
  }

  test("the same bytes are stored once, also when they arrive together", async ({ blobs, stored }) => {
    const bytes = bytesOf(100_000, 5);
    const put = () => blobs.put(inPieces(bytes, [4096]), { maxBytes: 1e6 });
    const [a, b] = await Promise.all([put(), put()]);
    assertEquals(a, b);
    assertEquals((await stored()).length, 1);
  });

  test("a body over the limit is refused with both numbers and read no further", async ({ blobs, stored }) => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(1000));
      },
    });
    const error = await assertFailsWith("too_large", () => blobs.put(endless, { maxBytes: 9_999 }));
    assert.match(error.message, /10000 bytes; expected at most 9999/);
    assert.ok(pulled < 20, `${pulled} pieces were pulled`);
    assertEquals(await stored(), []);
  });

  test("a wrong checksum is refused", async ({ blobs, stored }) => {
    const bytes = bytesOf(10, 1);
    const put = (expectedSha256: string) => blobs.put(inPieces(bytes, [3]), { maxBytes: 10, expectedSha256 });
    await assertFailsWith("checksum_mismatch", () => put("00".repeat(32)));
    assertEquals(await stored(), []);
    assertEquals((await put(sha256(bytes).toUpperCase())).sizeBytes, 10);
  });

  test("a caller who has gone leaves nothing", async ({ blobs, stored }) => {
    const gone = new AbortController();
    let cancelled = false;
    const slow = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => controller.enqueue(new Uint8Array(10)),
      cancel: () => void (cancelled = true),
    });
    const put = blobs.put(slow, { maxBytes: 100, signal: gone.signal });
    setTimeout(() => gone.abort(), 5);
    await assertFailsWith("cancelled", () => put);
    assert.ok(cancelled, "the body was not cancelled");
    assertEquals(await stored(), []);
  });

  test("a body that breaks off leaves nothing", async ({ blobs, stored }) => {
    const broken = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        controller.enqueue(new Uint8Array(10));
        controller.error(new Error("connection reset"));
      },
    });
    await assert.rejects(() => blobs.put(broken, { maxBytes: 100 }), /connection reset/);
    assertEquals(await stored(), []);
  });

  test("what is not held and no record needs is removed", async ({ blobs, need, stored }) => {
    const put = (seed: number) => blobs.put(inPieces(bytesOf(50, seed), [50]), { maxBytes: 50 });
    const kept = await put(1), dropped = await put(2);
    need(kept.sha256);
    assertEquals((await blobs.get(dropped.sha256))?.sizeBytes, 50);
    await blobs.release(kept.sha256);
    await blobs.release(dropped.sha256);
    assertEquals(new Set(await stored()), new Set([kept.sha256, dropped.sha256]));
    await blobs.release(dropped.sha256);
    assertEquals(await blobs.get(dropped.sha256), undefined);
    assertEquals((await blobs.get(kept.sha256))?.sizeBytes, 50);
  });

  test("a blob that one caller releases while another asks for it is there for as long as it is held", async (under) => {
    const { blobs, stored } = under;
    for (let round = 0; round < 20; round++) {
      const put = () => blobs.put(inPieces(bytesOf(50, 7), [50]), { maxBytes: 50 });
      const { sha256 } = await put();
      const [again] = await Promise.all([put(), blobs.release(sha256)]);
      assertEquals((await Deno.stat(again.path)).size, 50);
      await blobs.release(sha256);
      assertEquals(await stored(), []);
    }
  });

  test("a sweep leaves what is held or needed", async ({ blobs, need, stored, sweep }) => {
    const put = (seed: number) => blobs.put(inPieces(bytesOf(50, seed), [50]), { maxBytes: 50 });
    const held = await put(1), needed = await put(2);
    need(needed.sha256);
    await blobs.release(needed.sha256);
    assertEquals(await sweep(), 0);
    assertEquals(new Set(await stored()), new Set([held.sha256, needed.sha256]));
  });
}
