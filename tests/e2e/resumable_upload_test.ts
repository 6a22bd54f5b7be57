import { createHash } from "node:crypto";
import { createRandom } from "../../lib/base/random.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { type RunningService, startService } from "../support/running_service.ts";
import { filmFile } from "../support/small_cube.ts";

const TUS = { "Tus-Resumable": "1.0.0" };
const PIECE = { ...TUS, "Content-Type": "application/offset+octet-stream" };
const base64 = (text: string) => new TextEncoder().encode(text).toBase64();

async function begin(service: RunningService, sizeBytes: number, metadata: Record<string, string>): Promise<string> {
  const pairs = Object.entries(metadata).map(([name, value]) => `${name} ${base64(value)}`).join(",");
  const headers = { ...TUS, "Upload-Length": String(sizeBytes), "Upload-Metadata": pairs };
  const answer = await service.fetch("/v1/uploads", { method: "POST", headers });
  assert.equal(answer.status, 201, await answer.text());
  return answer.headers.get("location")!;
}

async function offsetOf(service: RunningService, upload: string): Promise<number> {
  const answer = await service.fetch(upload, { method: "HEAD", headers: TUS });
  await answer.body?.cancel();
  return Number(answer.headers.get("upload-offset"));
}

/** Sends a piece whose connection breaks after `cut` bytes. */
async function sendCut(service: RunningService, upload: string, bytes: Uint8Array, offset: number, cut: number) {
  const controller = new AbortController();
  const body = new ReadableStream<Uint8Array>({
    start: (stream) => stream.enqueue(bytes.slice(offset, offset + cut)),
    async pull() {
      await new Promise((resolve) => setTimeout(resolve, 30));
      controller.abort();
    },
  });
  const headers = { ...PIECE, "Upload-Offset": String(offset) };
  await service.fetch(upload, { method: "PATCH", headers, body, signal: controller.signal }).catch(() => {});
}

Deno.test("a resumable upload that is cut 20 times and survives a kill -9 arrives identical", async () => {
  const file = await filmFile(40, 40, 32);
  const sha256 = createHash("sha256").update(file).digest("hex");
  const random = createRandom(3);
  let service = await startService();
  try {
    const upload = await begin(service, file.length, { name: "in pieces", sha256 });
    for (let cut = 0; cut < 20; cut++) {
      const offset = await offsetOf(service, upload);
      await sendCut(service, upload, file, offset, 1 + random.integer(Math.floor(file.length / 25)));
      if (cut !== 10) continue;
      await service.kill();
      service = await startService({ dataFolder: service.dataFolder });
    }
    // The service notices a cut a moment after the client has made it.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const offset = await offsetOf(service, upload);
    assert.ok(offset > 0 && offset < file.length, `the upload has ${offset} of ${file.length} bytes`);
    const headers = { ...PIECE, "Upload-Offset": String(offset) };
    const last = await service.fetch(upload, { method: "PATCH", headers, body: file.slice(offset) });
    assert.equal(last.status, 204, await last.text());
    const cube = await service.json(last.headers.get("content-location")!);
    assertEquals([cube.sha256, cube.sizeBytes, cube.name], [sha256, file.length, "in pieces"]);
    assert.equal(await offsetOf(service, upload), file.length);
    // Whoever did not hear that asks again.
    const end = { ...PIECE, "Upload-Offset": String(file.length) };
    const again = await service.fetch(upload, { method: "PATCH", headers: end });
    assertEquals([again.status, again.headers.get("content-location")], [204, last.headers.get("content-location")]);
    const more = await service.fetch(upload, { method: "PATCH", headers: end, body: new Uint8Array(1) });
    assertEquals([more.status, (await more.json()).code], [413, "too_large"]);
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
});

Deno.test("resumable uploads refuse what does not fit and keep what was there", async (t) => {
  const service = await startService();
  const file = await filmFile(10, 10, 8);
  const send = (upload: string, offset: number, body: Uint8Array<ArrayBuffer>, more: Record<string, string> = {}) =>
    service.fetch(upload, { method: "PATCH", headers: { ...PIECE, "Upload-Offset": String(offset), ...more }, body });
  const refused = async (answer: Response, status: number, code: string) => {
    assertEquals([answer.status, (await answer.json()).code], [status, code]);
  };

  await t.step("a wrong offset", async () => {
    const upload = await begin(service, file.length, {});
    await refused(await send(upload, 5, file), 409, "wrong_offset");
  });
  await t.step("a piece with another checksum than it says", async () => {
    const upload = await begin(service, file.length, {});
    const wrong = { "Upload-Checksum": `sha256 ${new Uint8Array(32).toBase64()}` };
    await refused(await send(upload, 0, file.slice(0, 100), wrong), 460, "checksum_mismatch");
    assert.equal(await offsetOf(service, upload), 0);
    const right = { "Upload-Checksum": `sha1 ${createHash("sha1").update(file.slice(0, 100)).digest("base64")}` };
    const taken = await send(upload, 0, file.slice(0, 100), right);
    assertEquals([taken.status, taken.headers.get("upload-offset")], [204, "100"]);
  });
  await t.step("more bytes than were announced", async () => {
    const upload = await begin(service, 50, {});
    await refused(await send(upload, 0, file.slice(0, 51)), 413, "too_large");
    assert.equal(await offsetOf(service, upload), 0);
  });
  await t.step("a whole that is no cube, or not the announced one", async () => {
    const upload = await begin(service, 30, {});
    const answer = await send(upload, 0, new Uint8Array(30).fill(65));
    assert.equal(answer.status, 422);
    assert.match((await answer.json()).detail, /expected HDF5/);
    await refused(await service.fetch(upload), 404, "upload_missing");
    const other = await begin(service, file.length, { sha256: "0".repeat(64) });
    await refused(await send(other, 0, file), 422, "checksum_mismatch");
  });
  await t.step("no length, too much, unknown metadata, another protocol version", async () => {
    const create = (headers: Record<string, string>) => service.fetch("/v1/uploads", { method: "POST", headers });
    await refused(await create(TUS), 400, "bad_header");
    await refused(await create({ ...TUS, "Upload-Length": "99999999999999" }), 413, "too_large");
    const metadata = { ...TUS, "Upload-Length": "5", "Upload-Metadata": `path ${base64("../x")}` };
    await refused(await create(metadata), 422, "bad_metadata");
    for (const name of ["", "n".repeat(201)]) {
      await refused(await create({ ...metadata, "Upload-Metadata": `name ${base64(name)}` }), 422, "bad_metadata");
    }
    const pairs = ["name", "filetype", "type", "relativePath"].map((name) => `${name} ${base64("x")}`);
    const common = { ...TUS, "Upload-Length": "5", "Upload-Metadata": pairs.join(",") };
    assert.equal((await create(common)).status, 201);
    await refused(await create({ "Upload-Length": "5" }), 412, "tus_version");
  });
  await t.step("a removed upload is gone", async () => {
    const upload = await begin(service, 10, {});
    assert.equal((await service.fetch(upload, { method: "DELETE", headers: TUS })).status, 204);
    await refused(await service.fetch(upload), 404, "upload_missing");
  });
  await t.step("what the service can do", async () => {
    const answer = await service.fetch("/v1/uploads", { method: "OPTIONS" });
    assertEquals([answer.status, answer.headers.get("tus-version")], [204, "1.0.0"]);
    assert.match(answer.headers.get("tus-extension")!, /checksum/);
  });

  await service.stop();
  await Deno.remove(service.dataFolder, { recursive: true });
});
