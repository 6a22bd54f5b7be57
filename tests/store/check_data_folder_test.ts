import { checkDataFolder } from "../../lib/store/check_data_folder.ts";
import type { CheckOptions, Finding } from "../../lib/store/finding.ts";
import type { Store } from "../../lib/store/open_store.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { addCube } from "../support/stored_cube.ts";
import { writeModel } from "../support/stored_model.ts";
import { temporaryStore } from "../support/temporary_store.ts";

/** A sound store with a cube and its bytes, a model with an alias, and a job. */
async function open() {
  const zooPath = await Deno.makeTempDir();
  Deno.mkdirSync(`${zooPath}/shipped/1`, { recursive: true });
  writeModel(`${zooPath}/shipped/1`, "shipped", 1);
  const store = await temporaryStore({ zooPath });
  const blob = await store.blobs.put(new Blob(["bytes"]).stream(), { maxBytes: 5 });
  await addCube(store, { id: "cube_1", sha256: blob.sha256, sizeBytes: blob.sizeBytes });
  await store.blobs.release(blob.sha256);
  await store.models.add("film", (folder, version) => writeModel(folder, "film", version));
  store.models.setAlias("film", "stable", 1);
  return {
    ...store,
    blob,
    zooPath,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await Deno.remove(zooPath, { recursive: true });
    },
  };
}

async function find(store: Store, options?: CheckOptions): Promise<Finding[]> {
  return await Array.fromAsync(checkDataFolder(store, options));
}

async function expectFinding(store: Store, code: string, subject: string, options?: CheckOptions): Promise<Finding> {
  const findings = await find(store, options);
  assertEquals(findings.map((finding) => [finding.code, finding.subject]), [[code, subject]]);
  return findings[0];
}

/** Repairs and expects that nothing is found afterwards. */
async function repair(store: Store, finding: Finding): Promise<void> {
  await finding.repair!();
  assertEquals(await find(store), []);
}

Deno.test("nothing is found in a sound data folder", async () => {
  await using store = await open();
  assertEquals(await find(store, { deep: true }), []);
});

Deno.test("a cube whose values are cut off is found, and repaired by taking it out", async () => {
  await using store = await open();
  Deno.truncateSync(`${store.cubes.folderOf("cube_1")}/values.f32`, 10);
  const finding = await expectFinding(store, "cube_damaged", "cube_1");
  assert.match(finding.message, /values.f32 has 10 bytes, wanted 96/);
  await repair(store, finding);
  assertEquals(store.cubes.get("cube_1"), undefined);
});

Deno.test("a cube without its folder is found", async () => {
  await using store = await open();
  Deno.removeSync(store.cubes.folderOf("cube_1"), { recursive: true });
  await repair(store, await expectFinding(store, "cube_damaged", "cube_1"));
});

Deno.test("a map that was never acknowledged is found, and taken out again", async () => {
  await using store = await open();
  const channel = { name: "HAADF", quantity: "", unit: "", values_HW: new Float32Array(6) };
  const before = store.cubes.get("cube_1");
  store.cubes.addImage("cube_1", channel);
  store.db.run("UPDATE cubes SET record = ? WHERE id = 'cube_1'", JSON.stringify(before));
  await repair(store, await expectFinding(store, "cube_maps_differ", "cube_1"));
});

Deno.test("missing and changed uploads are found, the latter in a deep check", async () => {
  await using store = await open();
  Deno.writeTextFileSync(store.blob.path, "byteS");
  assertEquals(await find(store), []);
  await expectFinding(store, "blob_damaged", store.blob.sha256, { deep: true });
  Deno.removeSync(store.blob.path);
  await expectFinding(store, "blob_missing", "cube_1");
});

Deno.test("changed weights are found: shipped ones always, trained ones in a deep check", async () => {
  await using store = await open();
  Deno.writeFileSync(`${store.folder.modelsPath}/film/1/weights.safetensors`, Uint8Array.of(3, 2, 1));
  assertEquals(await find(store), []);
  await expectFinding(store, "model_damaged", "film@1", { deep: true });
  Deno.writeFileSync(`${store.folder.modelsPath}/film/1/weights.safetensors`, Uint8Array.of(1, 2, 3));
  Deno.writeFileSync(`${store.zooPath}/shipped/1/weights.safetensors`, Uint8Array.of(3, 2, 1));
  await expectFinding(store, "model_damaged", "shipped@1");
});

Deno.test("an alias that points nowhere is found and removed", async () => {
  await using store = await open();
  Deno.removeSync(`${store.folder.modelsPath}/film/1`, { recursive: true });
  await repair(store, await expectFinding(store, "alias_dangling", "film"));
});

Deno.test("left-overs are notes, removed by repair, and not looked for under a running service", async () => {
  await using store = await open();
  const { root } = store.folder;
  const folders = ["cubes/cube_9", "jobs/job_9", "models/film/9", "tmp/upload-1", "blobs/ab"];
  for (const folder of folders) Deno.mkdirSync(`${root}/${folder}`);
  Deno.writeTextFileSync(`${root}/blobs/ab/${"ab".repeat(32)}`, "x");
  assertEquals(await find(store, { live: true }), []);
  const findings = await find(store);
  assertEquals(
    findings.map((finding) => `${finding.level} ${finding.subject}`).sort(),
    [...folders.slice(0, 4), `blobs/ab/${"ab".repeat(32)}`].map((subject) => `note ${subject}`).sort(),
  );
  for (const finding of findings) await finding.repair!();
  assertEquals(await find(store), []);
});

Deno.test("a job that is not valid is found", async () => {
  await using store = await open();
  store.jobs.insert("job_1", { kind: "result", result: "gmm", cube: "cube_1", parameters: {} }, {
    caller: "key:a",
    priority: 5,
    createdMs: 0,
  });
  store.db.run("UPDATE jobs SET request = '{}' WHERE id = 'job_1'");
  await expectFinding(store, "job_record_invalid", "job_1");
});
