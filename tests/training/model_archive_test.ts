import { deflateRawSync } from "node:zlib";
import { type ByteSource, bytesSource } from "../../lib/base/byte_source.ts";
import { joinBytes } from "../../lib/base/join_bytes.ts";
import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { readZip } from "../../lib/formats/zip/read_zip.ts";
import { writeZip } from "../../lib/formats/zip/write_zip.ts";
import { loadModel, type ModelFiles, writeArtifact } from "../../lib/training/artifact/artifact.ts";
import { cardHead } from "../../lib/training/artifact/card_head.ts";
import { readModelArchive, writeModelArchive } from "../../lib/training/artifact/model_archive.ts";
import { writeOnnx } from "../../lib/training/onnx/write_onnx.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { runPython, testWithPython } from "../support/python.ts";
import { identity, run, tinyInput } from "./tiny_training.ts";

const engine = openReferenceEngine();
const MAX_BYTES = 2 ** 22;
const { trained } = await run(tinyInput({ epochs: 1, members: 2, notes: 'Film "one": first' }));
const FILES = await writeArtifact(trained, identity);

async function bytesOf(source: ByteSource): Promise<Uint8Array<ArrayBuffer>> {
  return joinBytes(await Array.fromAsync(source.read(0, source.sizeBytes)));
}

async function archiveOf(files: ModelFiles = FILES): Promise<Uint8Array<ArrayBuffer>> {
  const onnx = writeOnnx(await loadModel(FILES), { producerVersion: "0.0.0", licence: "MIT" });
  return await bytesOf(writeModelArchive({ files, card: "# Card\n", onnx }));
}

const read = (bytes: Uint8Array, maxBytes = MAX_BYTES) => readModelArchive(bytes, { maxBytes, engine });
const zip = (files: Record<string, Uint8Array<ArrayBuffer>>) =>
  bytesOf(writeZip(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, bytesSource(bytes)]))));

Deno.test("an archive comes back as the same model, also with a folder around it", async () => {
  const archive = await archiveOf();
  const entries = readZip(archive, { maxBytes: MAX_BYTES, wanted: () => true });
  assertEquals([...entries.keys()], [
    ...["README.md", "check.json", "last.safetensors", "model.json", "weights.1.safetensors", "weights.safetensors"],
    "model.onnx",
  ]);
  const inFolder = await zip(Object.fromEntries([...entries].map(([name, bytes]) => [`tiny-1/${name}`, bytes])));
  for (const bytes of [archive, inFolder]) {
    const again = await read(bytes);
    assertEquals(again.name, "tiny");
    assertEquals(await writeArtifact(again.trained, identity), FILES);
  }
});

Deno.test("names in an archive are compared and never paths", async () => {
  const entries = Object.fromEntries(FILES) as Record<string, Uint8Array<ArrayBuffer>>;
  const evil = Uint8Array.of(1);
  const bytes = await zip({ "../../model.json": evil, "/etc/passwd": evil, "weights.0.safetensors": evil, ...entries });
  assertEquals((await read(bytes)).name, "tiny");
});

Deno.test("a hostile or damaged archive is refused", async () => {
  const archive = await archiveOf();
  await assertFailsWith("expands_too_much", () => read(archive, 1000));
  await assertFailsWith("file_truncated", () => read(archive.subarray(0, archive.length - 30)));
  await assertFailsWith(
    "zip_malformed",
    () => read(flipped(archive, findText(archive, "weights.safetensors") + 900)),
  );
  await assertFailsWith("model_broken", async () => read(await zip({ "model.json": new TextEncoder().encode("[]") })));
  await assertFailsWith("model_broken", async () => read(await zip({})));
  await assertFailsWith("inflate_failed", () => read(bomb(1000, 2 ** 21)));
  await assertFailsWith("expands_too_much", () => read(bomb(1000, 2 ** 30)));
  const twice = await zip({ "model.json": Uint8Array.of(1), "modem.json": Uint8Array.of(1) });
  for (const at of [findText(twice, "modem"), findText(twice, "modem", true)]) {
    twice.set(new TextEncoder().encode("model"), at);
  }
  await assertFailsWith("zip_malformed", () => read(twice));
});

Deno.test("a model that is not what its files say is refused", async () => {
  const changed = async (name: string, change: (json: Record<string, never>) => unknown) => {
    const json = JSON.parse(new TextDecoder().decode(FILES.get(name)));
    const bytes = new TextEncoder().encode(JSON.stringify(change(json)));
    return await read(await archiveOf(new Map(FILES).set(name, bytes)));
  };
  await assertFailsWith("check_failed", () => changed("check.json", (json) => ({ ...json, output: json["latent"] })));
  await assertFailsWith("model_broken", () => changed("check.json", (json) => ({ ...json, input: [1] })));
  await assertFailsWith("scaler_mismatch", () => {
    return changed(
      "model.json",
      (json) => ({ ...json, scaler: { input: { mean: 0, std: 0 }, output: { mean: 0, std: 1 } } }),
    );
  });
  await assertFailsWith(
    "model_broken",
    () => changed("model.json", (json) => ({ ...json, weights: { sha256: "0".repeat(64), bytes: 1 } })),
  );
  await assertFailsWith("model_broken", () => {
    return changed("model.json", (json) => ({ ...json, axis: { name: "v", unit: "V", values: [1, 2] } }));
  });
  await assertFailsWith("model_broken", () => changed("model.json", (json) => ({ ...json, name: "../up" })));
});

testWithPython("the card's head is YAML with licence, tags, data and scores", ["yaml"], async (python) => {
  const { manifest } = await loadModel(FILES);
  const head = cardHead(manifest, "MIT");
  assert.match(head, /^---\n[\s\S]*\n---\n\n$/);
  const script = "import sys, yaml, json; print(json.dumps(yaml.safe_load(sys.argv[1].split('---')[1])))";
  const read = JSON.parse(await runPython(python, script, head));
  const { test } = manifest.scores!;
  assertEquals([read.license, read.tags.slice(0, 2), read.metrics], ["mit", ["loopscope", "im2spec"], [
    "r2",
    "mse",
    "nrmse",
  ]]);
  const [{ name, results: [result] }] = read["model-index"];
  assertEquals([name, result.task.type, result.dataset.name], ["tiny", "im2spec", manifest.training!.cubeName]);
  assertEquals(result.metrics.map(({ value }: { value: number }) => value), [test.r2, test.mse, test.nrmse]);
});

function findText(bytes: Uint8Array, text: string, last = false): number {
  const all = new TextDecoder("latin1").decode(bytes);
  return last ? all.lastIndexOf(text) : all.indexOf(text);
}

function flipped(bytes: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  copy[at] ^= 1;
  return copy;
}

/** An archive with one deflated entry that declares another size than it has. */
function bomb(realBytes: number, declaredBytes: number): Uint8Array<ArrayBuffer> {
  const data = deflateRawSync(new Uint8Array(realBytes));
  const name = new TextEncoder().encode("model.json");
  const local = new DataView(new ArrayBuffer(30));
  local.setUint32(0, 0x04034b50, true), local.setUint16(8, 8, true), local.setUint16(26, name.length, true);
  const central = new DataView(new ArrayBuffer(46));
  central.setUint32(0, 0x02014b50, true), central.setUint16(10, 8, true), central.setUint32(20, data.length, true);
  central.setUint32(24, declaredBytes, true), central.setUint16(28, name.length, true);
  const start = 30 + name.length + data.length;
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true), end.setUint16(8, 1, true), end.setUint16(10, 1, true);
  end.setUint32(12, 46 + name.length, true), end.setUint32(16, start, true);
  const parts = [local.buffer, name, data, central.buffer, name, end.buffer];
  return joinBytes(parts.map((part) => new Uint8Array(part)));
}
