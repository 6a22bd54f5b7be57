import { checkDataFolder } from "../../lib/store/maintenance/check_data_folder.ts";
import type { CheckOptions, Finding } from "../../lib/store/maintenance/finding.ts";
import { openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
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
  await store.models.setAlias("film", "stable", 1);
  await store.jobs.insert("job_1", { kind: "result", result: "gmm", cube: "cube_1", parameters: {} }, {
    ...{ caller: "key:a", priority: 5, createdMs: 0 },
  });
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

type Opened = Awaited<ReturnType<typeof open>>;

/** What the doctor says, in a store of its own; `repair` does what it can. */
async function find(
  { folder: { root }, zooPath }: Opened,
  { repair = false, ...options }: CheckOptions & { repair?: boolean } = {},
): Promise<Finding[]> {
  const beside = await openEmbeddedStore({ root, zooPath, shared: true });
  const findings: Finding[] = [];
  try {
    for await (const finding of checkDataFolder(beside, options)) {
      findings.push(finding);
      if (repair) await finding.repair?.();
    }
    return findings;
  } finally {
    await beside.close();
  }
}

const said = (findings: Finding[]) => findings.map(({ level, code, subject }) => `${level} ${code} ${subject}`);

function flip(path: string): void {
  const bytes = Deno.readFileSync(path);
  bytes[bytes.length >> 1] ^= 1;
  Deno.writeFileSync(path, bytes);
}

function edit(path: string, from: string, to: string): void {
  const text = Deno.readTextFileSync(path);
  assert.ok(text.includes(from), `${path} has no ${from}`);
  Deno.writeTextFileSync(path, text.replace(from, to));
}

interface Damage {
  damage(store: Opened & { root: string; cube: string; model: string }): void;
  /** `level code subject` of what a deep check says, in order. */
  wanted: string[];
  /** What is still said after a repair: where only a person can help. */
  left?: string[];
}

const DAMAGES: Record<string, Damage> = {
  "values cut off": {
    damage: ({ cube }) => Deno.truncateSync(`${cube}/values.f32`, 10),
    wanted: ["error cube_damaged cube_1"],
  },
  "one bit of the values": {
    damage: ({ cube }) => flip(`${cube}/values.f32`),
    wanted: ["error cube_damaged cube_1"],
  },
  "a cube's folder gone": {
    damage: ({ cube }) => Deno.removeSync(cube, { recursive: true }),
    wanted: ["error cube_damaged cube_1"],
  },
  "a link where the values were": {
    damage({ cube, root }) {
      Deno.renameSync(`${cube}/values.f32`, `${root}/tmp/values`);
      Deno.symlinkSync(`${root}/tmp/values`, `${cube}/values.f32`);
    },
    wanted: ["error cube_damaged cube_1", "note left_over tmp/values"],
  },
  "another quantity in cube.json": {
    damage: ({ cube }) => edit(`${cube}/cube.json`, '"current"', '"voltage"'),
    wanted: ["error cube_json_differs cube_1"],
  },
  "a map that was never acknowledged": {
    async damage({ cubes, db }) {
      const before = JSON.stringify(await cubes.get("cube_1"));
      await cubes.addImage("cube_1", { name: "HAADF", quantity: "", unit: "", values_HW: new Float32Array(6) });
      db.run("UPDATE cubes SET record = ?", before);
    },
    wanted: ["error cube_maps_differ cube_1"],
  },
  "a cube's record that is not JSON": {
    damage: ({ db }) => db.run("UPDATE cubes SET record = '{'"),
    wanted: ["error cube_record_invalid cube_1"],
  },
  "a cube's bytes miscounted": {
    damage: ({ db }) => db.run("UPDATE cubes SET stored_bytes = -1"),
    wanted: ["error cube_size_wrong cube_1"],
  },
  "a bit of the upload": {
    damage: ({ blob }) => flip(blob.path),
    wanted: [`error blob_damaged `],
    left: ["note blob_missing cube_1"],
  },
  "the upload gone": {
    damage: ({ blob }) => Deno.removeSync(blob.path),
    wanted: ["note blob_missing cube_1"],
    left: ["note blob_missing cube_1"],
  },
  "trained weights": {
    damage: ({ model }) => flip(`${model}/weights.safetensors`),
    wanted: ["error model_damaged film@1", "error alias_dangling film"],
  },
  "a trained model's scaler": {
    damage: ({ model }) => edit(`${model}/model.json`, '"std":1', '"std":2'),
    wanted: ["error model_damaged film@1", "error alias_dangling film"],
  },
  "a trained model's check gone": {
    damage: ({ model }) => Deno.removeSync(`${model}/check.json`),
    wanted: ["error model_damaged film@1", "error alias_dangling film"],
  },
  "a card changed": {
    damage: ({ model }) => Deno.writeTextFileSync(`${model}/card.md`, "better than it is"),
    wanted: ["error card_changed film@1"],
  },
  "a trained version gone": {
    damage: ({ model }) => Deno.removeSync(model, { recursive: true }),
    wanted: ["error model_missing film@1", "error alias_dangling film"],
  },
  "shipped weights": {
    damage: ({ zooPath }) => flip(`${zooPath}/shipped/1/weights.safetensors`),
    wanted: ["error model_damaged shipped@1"],
    left: ["error model_damaged shipped@1"],
  },
  "a shipped card": {
    damage({ zooPath }) {
      Deno.writeTextFileSync(`${zooPath}/SHA256SUMS`, `${"0".repeat(64)}  shipped/1/card.md\n`);
    },
    wanted: ["error shipped_changed zoo/shipped/1/card.md"],
    left: ["error shipped_changed zoo/shipped/1/card.md"],
  },
  "a job that is not valid": {
    damage: ({ db }) => db.run("UPDATE jobs SET request = '{}'"),
    wanted: ["error job_record_invalid job_1"],
  },
  "a checkpoint": {
    damage: (
      { root },
    ) => (Deno.mkdirSync(`${root}/jobs/job_1`), Deno.writeTextFileSync(`${root}/jobs/job_1/checkpoint`, "x")),
    wanted: ["error checkpoint_damaged job_1"],
  },
  "an event that is not JSON": {
    damage: ({ db }) => db.run("UPDATE job_events SET data = '{'"),
    wanted: ["error job_event_invalid job_1"],
  },
  "an event of no job": {
    damage({ db }) {
      db.run("PRAGMA foreign_keys = OFF");
      db.run("INSERT INTO job_events VALUES ('job_9', 1, 'state', '{}')");
    },
    wanted: ["error orphaned_rows "],
  },
  "a table and an index gone": {
    damage({ db }) {
      db.run("DROP TABLE idempotency");
      db.run("DROP INDEX jobs_once");
    },
    wanted: [
      "error schema_incomplete jobs_once",
      "error schema_incomplete idempotency",
      "error schema_incomplete idempotency_by_age",
    ],
  },
  "the keys' key gone": {
    async damage({ keys, root }) {
      await keys.add("lab", ["read"]);
      Deno.removeSync(`${root}/hmac.key`);
    },
    wanted: ["error hmac_key_lost hmac.key"],
  },
  "a key's record": {
    async damage({ keys, db }) {
      await keys.add("lab", ["read"]);
      db.run("UPDATE api_keys SET id = 'a', hmac = x'00'");
    },
    wanted: ["error key_invalid a"],
  },
  "an upload's note": {
    damage: ({ root }) => Deno.writeTextFileSync(`${root}/uploads/upload_${"0".repeat(26)}.json`, "{"),
    wanted: [`error upload_damaged upload_${"0".repeat(26)}`],
  },
  "what is not ours": {
    damage({ root }) {
      for (const folder of ["mine", "models/Mine", "models/film/v1"]) Deno.mkdirSync(`${root}/${folder}`);
      for (const folder of ["blobs", "blobs/zz", "results", "uploads", "cubes/cube_1", "models"]) {
        Deno.mkdirSync(`${root}/${folder}`, { recursive: true });
        Deno.writeTextFileSync(`${root}/${folder}/notes.txt`, "mine");
      }
      Deno.symlinkSync("/etc", `${root}/cubes/elsewhere`);
    },
    wanted: [
      "note left_over models/Mine",
      "note left_over models/film/v1",
      "note left_over models/notes.txt",
      "note stranger mine",
      "note stranger cubes/cube_1/notes.txt",
      "note left_over cubes/elsewhere",
      "note stranger blobs/notes.txt",
      "note stranger blobs/zz/notes.txt",
      "note stranger uploads/notes.txt",
      "note left_over results/notes.txt",
    ],
    left: ["note stranger mine"],
  },
};

for (const [name, { damage, wanted, left = [] }] of Object.entries(DAMAGES)) {
  Deno.test(`damage is found and repaired, and what is whole stays: ${name}`, async () => {
    await using store = await open();
    const { root, modelsPath } = store.folder;
    damage({ ...store, root, cube: store.folder.cubePath("cube_1"), model: `${modelsPath}/film/1` });
    const met = said(await find(store, { deep: true, repair: true }));
    assertEquals(met.map((line, i) => wanted[i]?.endsWith(" ") ? line.slice(0, wanted[i].length) : line), wanted);
    assertEquals(said(await find(store, { deep: true })), left);
    const touched = (subject: string) => wanted.some((line) => line.endsWith(subject));
    if (!touched("cube_1")) assertEquals((await store.cubes.get("cube_1"))?.id, "cube_1");
    if (!touched("film@1")) assertEquals(Deno.statSync(`${modelsPath}/film/1/weights.safetensors`).size, 3);
  });
}

Deno.test("a checkpoint comes back as it was, a damaged one not at all", async () => {
  await using store = await open();
  await store.checkpoints.save("job_1", Uint8Array.of(1, 2, 3));
  assertEquals(await store.checkpoints.load("job_1"), Uint8Array.of(1, 2, 3));
  assertEquals(said(await find(store, { deep: true })), []);
  const path = `${store.folder.jobPath("job_1")}/checkpoint`;
  for (const damage of [() => flip(path), () => Deno.truncateSync(path, 20), () => Deno.truncateSync(path, 0)]) {
    damage();
    assertEquals(await store.checkpoints.load("job_1"), undefined);
  }
});

Deno.test("nothing is found in a sound data folder, nor after a deletion", async () => {
  await using store = await open();
  assertEquals(said(await find(store, { deep: true })), []);
  await store.models.removeAlias("film", "stable");
  await store.models.removeVersion("film", 1);
  await store.cubes.remove("cube_1");
  assertEquals(said(await find(store, { deep: true })), []);
});

function addDigest(store: Opened, name: string): void {
  const path = `${store.folder.cubePath("cube_1")}/cube.json`;
  const meta = JSON.parse(Deno.readTextFileSync(path));
  Deno.writeTextFileSync(path, JSON.stringify({ ...meta, digests: { ...meta.digests, [name]: "ab".repeat(32) } }));
}

Deno.test("a mask that is gone is damage, what an image channel left that was never acknowledged is none", async () => {
  await using store = await open();
  addDigest(store, "maps/0.f32");
  for (const deep of [false, true]) assertEquals(said(await find(store, { deep })), []);
  addDigest(store, "mask.u8");
  for (const deep of [false, true]) {
    const [finding, ...more] = await find(store, { deep });
    assertEquals([finding.code, finding.message, more], [
      "cube_damaged",
      "The stored cube's mask.u8 is not there",
      [],
    ]);
  }
});

Deno.test("what a running service deletes or changes while it is looked at is not reported", async () => {
  await using store = await open();
  const beside = await openEmbeddedStore({ root: store.folder.root, zooPath: store.zooPath, shared: true });
  const look = () => Array.fromAsync(checkDataFolder(beside, { deep: true, live: true }));
  assertEquals(said(await look()), []);
  await store.models.add("film", (folder, version) => writeModel(folder, "film", version));
  await store.models.setAlias("film", "stable", 2);
  await store.models.removeVersion("film", 1); // the one beside has listed it, and not the other
  const path = `${store.folder.cubePath("cube_1")}/cube.json`;
  const json = Deno.readTextFileSync(path);
  await store.cubes.addImage("cube_1", {
    name: "height",
    quantity: "height",
    unit: "m",
    values_HW: new Float32Array(6),
  });
  store.db.run("UPDATE cubes SET changing = 1");
  Deno.writeTextFileSync(path, json); // as between the record and the rename
  assertEquals(said(await look()), []);
  await beside.close();
});

Deno.test("what a repair takes out is kept in damaged/, the uploaded bytes with it", async () => {
  await using store = await open();
  flip(`${store.folder.cubePath("cube_1")}/values.f32`);
  await find(store, { deep: true, repair: true });
  const kept = [...Deno.readDirSync(store.folder.damagedPath)].map(({ name }) => name.split(".")[0]).sort();
  assertEquals(kept, [`blobs-${store.blob.sha256.slice(0, 2)}-${store.blob.sha256}`, "cubes-cube_1"]);
});

Deno.test("records that cannot be read are an error, and nothing else is touched", async () => {
  await using store = await open();
  store.db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  const page = Number(
    store.db.get<{ page: number }>("SELECT rootpage AS page FROM sqlite_master WHERE name = 'cubes'")!.page,
  );
  using file = Deno.openSync(store.db.path, { write: true });
  file.seekSync((page - 1) * 4096, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(4096).fill(0x55));
  const findings = await find(store, { repair: true });
  assertEquals([...new Set(findings.map(({ code }) => code))], ["database_damaged"]);
  assert.ok(Deno.statSync(`${store.folder.cubePath("cube_1")}/values.f32`).size > 0);
});

Deno.test("left-overs are notes, removed by repair, and not looked for under a running service", async () => {
  await using store = await open();
  const { root } = store.folder;
  const folders = ["cubes/cube_9", "jobs/job_9", "models/film/9", "tmp/upload-1", "blobs/ab"];
  for (const folder of folders) Deno.mkdirSync(`${root}/${folder}`);
  Deno.writeTextFileSync(`${root}/blobs/ab/${"ab".repeat(32)}`, "x");
  assertEquals(await find(store, { live: true }), []);
  const findings = await find(store, { repair: true });
  assertEquals(
    findings.map((finding) => `${finding.level} ${finding.subject}`).sort(),
    [...folders.slice(0, 4), `blobs/ab/${"ab".repeat(32)}`].map((subject) => `note ${subject}`).sort(),
  );
  assertEquals(await find(store), []);
});
