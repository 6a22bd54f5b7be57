import { LoopscopeError } from "../../lib/base/errors.ts";
import { createRandom } from "../../lib/base/random.ts";
import {
  getObject,
  listObjects,
  PART_BYTES,
  putObject,
  removeObject,
  removeObjects,
  sizeOfObject,
} from "../../lib/store/s3/objects.ts";
import { downloadFile, uploadFile } from "../../lib/store/s3/transfer.ts";
import { parseStorageUrl } from "../../lib/store/s3/storage_url.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { missingS3Server, S3_KEYS, type S3Server, startS3Server } from "../support/s3_server.ts";
import { canMountSmallDisk, smallDisk } from "../support/small_disk.ts";

const missing = missingS3Server();

function test(name: string, run: (server: S3Server) => Promise<void>): void {
  Deno.test({
    name: `S3: ${name}${missing ? ` (skipped: ${missing})` : ""}`,
    ignore: missing !== undefined,
    async fn() {
      await using server = await startS3Server();
      await run(server);
    },
  });
}

function randomBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const random = createRandom(seed);
  const words = Uint32Array.from({ length: Math.ceil(length / 4) }, () => random.integer(2 ** 32));
  return new Uint8Array(words.buffer).slice(0, length);
}

function assert503(error: Error, retryAfterS: number): void {
  assert.ok(error instanceof LoopscopeError);
  assertEquals([error.kind, error.retryAfterS], ["unavailable", retryAfterS]);
}

async function keysOf(objects: AsyncIterable<{ key: string }>): Promise<string[]> {
  return (await Array.fromAsync(objects)).map(({ key }) => key);
}

test("an object comes back whole, in ranges, by size, and is gone once removed", async (server) => {
  const bucket = server.bucket();
  const bytes = randomBytes(1000);
  await putObject(bucket, "a/b & ü.bin", bytes);
  assertEquals(await getObject(bucket, "a/b & ü.bin"), bytes);
  assertEquals(await getObject(bucket, "a/b & ü.bin", { range: { first: 10, last: 19 } }), bytes.slice(10, 20));
  assertEquals(await sizeOfObject(bucket, "a/b & ü.bin"), 1000);
  assertEquals(await keysOf(listObjects(bucket, "")), ["a/b & ü.bin"]);
  await removeObject(bucket, "a/b & ü.bin");
  await removeObject(bucket, "a/b & ü.bin");
  assertEquals(await getObject(bucket, "a/b & ü.bin"), undefined);
  assertEquals(await sizeOfObject(bucket, "a/b & ü.bin"), undefined);
});

test("a listing has all pages, and stays within the prefix", async (server) => {
  const bucket = server.bucket();
  const keys = Array.from({ length: 25 }, (_, i) => `list/${String(i).padStart(2, "0")}`);
  await Promise.all(keys.map((key) => putObject(bucket, key, new Uint8Array(3))));
  await putObject(bucket, "other", new Uint8Array(1));
  await putObject(server.bucket({ prefix: "elsewhere/" }), "list/99", new Uint8Array(1));
  assertEquals(await keysOf(listObjects(bucket, "list/", 10)), keys);
  await removeObjects(bucket, "list/");
  assertEquals(await keysOf(listObjects(bucket, "")), ["other"]);
});

test("a file goes up and comes down in parts", async (server) => {
  const bucket = server.bucket();
  const folder = await Deno.makeTempDir();
  try {
    for (const size of [0, 1, PART_BYTES, 2 * PART_BYTES + 12345]) {
      const bytes = randomBytes(size, size + 1);
      await Deno.writeFile(`${folder}/up`, bytes);
      await uploadFile(bucket, "file", `${folder}/up`);
      assertEquals(await sizeOfObject(bucket, "file"), size);
      assertEquals(await downloadFile(bucket, "file", `${folder}/down`), true);
      assert.ok(Deno.readFileSync(`${folder}/down`).every((byte, i) => byte === bytes[i]), `${size} bytes`);
      await Deno.remove(`${folder}/down`);
    }
    assertEquals(await downloadFile(bucket, "none", `${folder}/down`), false);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["up"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("a file whose upload fails leaves no object", async (server) => {
  const path = await Deno.makeTempFile();
  const gone = new AbortController();
  try {
    await Deno.writeFile(path, randomBytes(4 * PART_BYTES));
    setTimeout(() => gone.abort(), 30);
    await assertFailsWith("cancelled", () => uploadFile(server.bucket(), "file", path, { signal: gone.signal }));
    assertEquals(await keysOf(listObjects(server.bucket(), "")), []);
  } finally {
    await Deno.remove(path);
  }
});

test("wrong keys and a missing bucket are said in one line", async (server) => {
  for (const keys of [{ ...S3_KEYS, secretAccessKey: "x" }, { ...S3_KEYS, accessKeyId: "x" }]) {
    const error = await assertFailsWith("storage_refused", () => getObject(server.bucket({ keys }), "a"));
    assert.match(error.message, /^The object storage refused the keys .*AWS_SECRET_ACCESS_KEY$/);
    assert503(error, 60);
  }
  const error = await assertFailsWith("bucket_missing", () => getObject(server.bucket({ name: "other" }), "a"));
  assertEquals(error.message, "The object storage has no bucket other; create it first");
});

test("a server that was killed is waited for, and requests go on when it is back", async (server) => {
  const bucket = server.bucket();
  await putObject(bucket, "a", Uint8Array.of(1));
  await server.kill();
  const waiting = [getObject(bucket, "a"), putObject(bucket, "b", Uint8Array.of(2))] as const;
  await new Promise((resolve) => setTimeout(resolve, 300));
  await server.start();
  assertEquals(await waiting[0], Uint8Array.of(1));
  await waiting[1];
  assertEquals(await getObject(bucket, "b"), Uint8Array.of(2));
});

test("a frozen server is given up in time, and answers again when it goes on", async (server) => {
  const bucket = server.bucket({ patienceMs: 500, attemptMs: 200 });
  await putObject(bucket, "a", Uint8Array.of(1));
  server.signal("SIGSTOP");
  const error = await assertFailsWith("storage_unavailable", () => getObject(bucket, "a"));
  assert503(error, 5);
  assertEquals(error.message, "The object storage does not answer");
  server.signal("SIGCONT");
  assertEquals(await getObject(bucket, "a"), Uint8Array.of(1));
});

test("many requests at once are all answered, a few at a time", async (server) => {
  const bucket = server.bucket({ concurrency: 3 });
  await Promise.all(Array.from({ length: 50 }, (_, i) => putObject(bucket, `n/${i}`, Uint8Array.of(i))));
  const met = await Promise.all(Array.from({ length: 50 }, (_, i) => getObject(bucket, `n/${i}`)));
  assertEquals(met.map((bytes) => bytes?.[0]), Array.from({ length: 50 }, (_, i) => i));
});

Deno.test({
  name: "S3: a full storage is said to be full",
  ignore: missing !== undefined || !await canMountSmallDisk(),
  async fn() {
    await using disk = await smallDisk(4);
    await using server = await startS3Server({ folder: disk!.path });
    const bucket = server.bucket({ patienceMs: 500 });
    const error = await assertFailsWith("disk_full", () => putObject(bucket, "a", randomBytes(6 * 2 ** 20)));
    assertEquals(error.message, "The object storage is full, nothing was kept");
  },
});

Deno.test("a storage URL is taken apart, and a wrong one is refused without being repeated", () => {
  assertEquals(parseStorageUrl("s3://films/loop/a?endpoint=http://minio:9000&region=eu-1"), {
    endpoint: "http://minio:9000",
    bucket: "films",
    prefix: "loop/a/",
    region: "eu-1",
  });
  assertEquals(parseStorageUrl("s3://films"), {
    endpoint: "https://s3.us-east-1.amazonaws.com",
    bucket: "films",
    prefix: "",
    region: "us-east-1",
  });
  for (
    const wrong of [
      "",
      "films",
      "https://films",
      "s3://",
      "s3://A_B",
      "s3://films/../x/%2e",
      "s3://films?endpoint=films",
      "s3://films?endpoint=http://key:secret@host",
      "s3://films?key=secret",
    ]
  ) {
    assert.throws(
      () => parseStorageUrl(wrong),
      (error: Error) => error instanceof RangeError && !error.message.includes("secret"),
      wrong,
    );
  }
});
