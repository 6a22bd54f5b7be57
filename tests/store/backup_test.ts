import { createHash } from "node:crypto";
import { checkDataFolder } from "../../lib/store/maintenance/check_data_folder.ts";
import { backupStore } from "../../lib/store/maintenance/backup.ts";
import { openCubeFile } from "../../lib/store/cube_files/cube_file.ts";
import { type EmbeddedStore, openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
import { restoreStore } from "../../lib/store/maintenance/restore.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { trainRequest } from "../contracts/record_store_contract.ts";
import { addCube } from "../support/stored_cube.ts";
import { writeModel } from "../support/stored_model.ts";
import { temporaryStore } from "../support/temporary_store.ts";

const LONG_NAME = "a".repeat(64);

async function fill(store: EmbeddedStore): Promise<string> {
  const blob = await store.blobs.put(new Blob(["bytes"]).stream(), { maxBytes: 5 });
  await addCube(store, { id: "cube_1", sha256: blob.sha256, sizeBytes: blob.sizeBytes, optionsKey: "1" });
  await addCube(store, { id: "cube_2", sha256: blob.sha256, sizeBytes: blob.sizeBytes, optionsKey: "2" });
  await store.blobs.release(blob.sha256);
  const height = { name: "height", quantity: "height", unit: "m", values_HW: new Float32Array(6).fill(4) };
  await store.cubes.addImage("cube_2", height);
  for (const name of ["film", LONG_NAME]) {
    await store.models.add(
      name,
      (folder, version) => writeModel(folder, name, version, new Uint8Array(3_000_000).fill(5)),
    );
  }
  await store.models.setAlias("film", "stable", 1);
  await store.jobs.insert("job_1", trainRequest(), { caller: "key:a", priority: 5, createdMs: 0 });
  await store.checkpoints.save("job_1", Uint8Array.of(1, 2, 3));
  return (await store.keys.add("microscope", ["read"])).secret;
}

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  await run(folder);
  await Deno.remove(folder, { recursive: true });
}

Deno.test("a backup of a running store restores to the same cubes, models, aliases, jobs and keys", () =>
  withFolder(async (folder) => {
    await using store = await temporaryStore();
    const secret = await fill(store);
    const beside = await openEmbeddedStore({ root: store.folder.root, zooPath: "", shared: true });
    const report = await backupStore(beside, `${folder}/backup.tar`);
    await beside.close();
    assertEquals([report.cubes, report.models], [2, 2]);
    assertEquals(report.sizeBytes, Deno.statSync(`${folder}/backup.tar`).size);
    assertEquals(Deno.statSync(`${folder}/backup.tar`).mode! & 0o777, 0o600);

    await restoreStore(`${folder}/backup.tar`, `${folder}/new`);
    const restored = await openEmbeddedStore({ root: `${folder}/new`, zooPath: "" });
    assertEquals(await Array.fromAsync(checkDataFolder(restored, { deep: true })), []);
    assertEquals(await restored.cubes.list({ limit: 9 }), await store.cubes.list({ limit: 9 }));
    const cube = openCubeFile(restored.cubes.folderOf("cube_2"));
    assertEquals([cube.readSpectrum(1, 2)[3], cube.readImage("height")?.values_HW[5]], [23, 4]);
    cube.close();
    assertEquals(await restored.models.list(), await store.models.list());
    assertEquals(await restored.jobs.get("job_1"), await store.jobs.get("job_1"));
    assertEquals(await restored.checkpoints.load("job_1"), Uint8Array.of(1, 2, 3));
    assertEquals((await restored.keys.verify(secret))?.scopes, ["read"]);
    assertEquals(await restored.models.add("film", (path, version) => writeModel(path, "film", version)), 2);
    await restored.close();
  }));

Deno.test("tar reads a backup", () =>
  withFolder(async (folder) => {
    await using store = await temporaryStore();
    await fill(store);
    await backupStore(store, `${folder}/backup.tar`);
    const { code, stdout } = await new Deno.Command("tar", { args: ["tf", `${folder}/backup.tar`] }).output();
    const names = new TextDecoder().decode(stdout).trim().split("\n");
    assertEquals(code, 0);
    assert.ok(names.includes(`models/${LONG_NAME}/1/weights.safetensors`));
    assertEquals(names.at(-1), "loopscope.db");
  }));

Deno.test("what is deleted while a backup runs is left out with its record", () =>
  withFolder(async (folder) => {
    await using store = await temporaryStore();
    await fill(store);
    const copyTo = store.db.copyTo.bind(store.db);
    let deleted: Promise<unknown> = Promise.resolve();
    store.db.copyTo = (path) => {
      copyTo(path);
      store.modelFolders.aliases.remove("film", "stable");
      deleted = Promise.all([store.cubes.remove("cube_1"), store.models.removeVersion("film", 1)]);
    };
    assertEquals((await backupStore(store, `${folder}/backup.tar`)).cubes, 1);
    await deleted;
    await restoreStore(`${folder}/backup.tar`, `${folder}/new`);
    const restored = await openEmbeddedStore({ root: `${folder}/new`, zooPath: "" });
    assertEquals(await Array.fromAsync(checkDataFolder(restored, { deep: true })), []);
    assertEquals((await restored.cubes.list({ limit: 9 })).items.map((cube) => cube.id), ["cube_2"]);
    assertEquals((await restored.models.list()).map((model) => model.name), [LONG_NAME]);
    await restored.close();
  }));

const IMAGE = { name: "phase", quantity: "phase", unit: "rad", values_HW: new Float32Array(6).fill(2) };

Deno.test("an image channel added while a backup runs is left out whole, and can be added to the restored cube", () =>
  withFolder(async (folder) => {
    await using store = await temporaryStore();
    await fill(store);
    const before = await store.cubes.list({ limit: 9 });
    const copyTo = store.db.copyTo.bind(store.db);
    store.db.copyTo = async (path) => {
      copyTo(path);
      for (const id of ["cube_1", "cube_2"]) await store.cubes.addImage(id, IMAGE);
    };
    await backupStore(store, `${folder}/backup.tar`);
    await restoreStore(`${folder}/backup.tar`, `${folder}/new`);
    const beside = await openEmbeddedStore({ root: `${folder}/new`, zooPath: "", shared: true });
    assertEquals(await Array.fromAsync(checkDataFolder(beside, { deep: true })), [], "before the first start");
    await beside.close();
    const restored = await openEmbeddedStore({ root: `${folder}/new`, zooPath: "" });
    assertEquals(await Array.fromAsync(checkDataFolder(restored, { deep: true })), []);
    assertEquals(await restored.cubes.list({ limit: 9 }), before);
    await restored.cubes.addImage("cube_2", IMAGE);
    assertEquals(await Array.fromAsync(checkDataFolder(restored, { deep: true })), []);
    await restored.close();
  }));

Deno.test("what is half written beside a cube or a model, or is not of this program, is not in a backup", () =>
  withFolder(async (folder) => {
    await using store = await temporaryStore();
    await fill(store);
    for (const name of ["cubes/cube_1/cube.json.next", "cubes/cube_1/.DS_Store", "models/film/1/Notes.txt"]) {
      Deno.writeTextFileSync(`${store.folder.root}/${name}`, "{}");
    }
    const report = await backupStore(store, `${folder}/backup.tar`);
    assertEquals([report.cubes, report.models], [2, 2]);
    await restoreStore(`${folder}/backup.tar`, `${folder}/new`);
    const restored = await openEmbeddedStore({ root: `${folder}/new`, zooPath: "" });
    assertEquals(await Array.fromAsync(checkDataFolder(restored, { deep: true })), []);
    await restored.close();
  }));

Deno.test("an archive that is cut off or changed anywhere is refused, and leaves no records", () =>
  withFolder(async (folder) => {
    await using store = await temporaryStore();
    await fill(store);
    await backupStore(store, `${folder}/backup.tar`);
    const whole = Deno.readFileSync(`${folder}/backup.tar`);
    const damage: [string, Uint8Array][] = [
      ["cut in a header", whole.subarray(0, 700)],
      ["cut in a file", whole.subarray(0, 4_000_000)],
      ["without its end", whole.subarray(0, whole.length - 1024)],
      ...[5, 2_000_000, whole.length - 5000].map((at): [string, Uint8Array] => {
        const changed = whole.slice();
        changed[at] ^= 1;
        return [`byte ${at} changed`, changed];
      }),
    ];
    for (const [what, bytes] of damage) {
      Deno.writeFileSync(`${folder}/damaged.tar`, bytes);
      await assertFailsWith("archive_damaged", () => restoreStore(`${folder}/damaged.tar`, `${folder}/new`));
      assert.throws(() => Deno.statSync(`${folder}/new/loopscope.db`), Deno.errors.NotFound, what);
    }
    await restoreStore(`${folder}/backup.tar`, `${folder}/new`);
    await assertFailsWith("data_folder_not_empty", () => restoreStore(`${folder}/backup.tar`, `${folder}/new`));
  }));

/** An archive of another's making. */
async function tar(folder: string, name: string, args: string[]): Promise<string> {
  const { code } = await new Deno.Command("tar", { args: ["cf", name, "--format=ustar", "-P", ...args], cwd: folder })
    .output();
  assertEquals(code, 0);
  return `${folder}/${name}`;
}

Deno.test("an archive with paths that lead elsewhere, links or absurd sizes is refused, and leaves nothing", () =>
  withFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/cubes/cube_1`, { recursive: true });
    Deno.writeTextFileSync(`${folder}/outside`, "x");
    Deno.symlinkSync("/etc/passwd", `${folder}/hmac.key`);
    Deno.writeTextFileSync(`${folder}/SHA256SUMS`, "x");
    const huge = Deno.readFileSync(await tar(folder, "huge.tar", ["SHA256SUMS"]));
    huge.set([0x80, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], 124); // 2^40 bytes
    let sum = 8 * 32;
    for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += huge[i];
    huge.set(new TextEncoder().encode(sum.toString(8).padStart(6, "0")), 148);
    Deno.writeFileSync(`${folder}/huge.tar`, huge);
    const refused: [string, RegExp][] = [
      [await tar(folder, "up.tar", ["cubes/../outside"]), /an entry named "cubes\/\.\.\/outside"/],
      [await tar(folder, "root.tar", [`${folder}/outside`]), /an entry named "\//],
      [await tar(folder, "link.tar", ["hmac.key"]), /"hmac.key", which is no file/],
      [
        await tar(folder, "twice.tar", [
          "--hard-dereference",
          "--transform=s,outside,demo-added,",
          "outside",
          "outside",
        ]),
        /demo-added twice/,
      ],
      [await tar(folder, "nothing.tar", ["-T", "/dev/null"]), /has no records/],
      [`${folder}/huge.tar`, /a list of \d+ bytes; expected at most/],
    ];
    for (const [archive, wanted] of refused) {
      const error = await assertFailsWith("archive_damaged", () => restoreStore(archive, `${folder}/new`));
      assert.match(error.message, wanted);
      for (const name of ["blobs", "cubes", "models", "tmp"]) {
        assertEquals([...Deno.readDirSync(`${folder}/new/${name}`)], [], archive);
      }
      assert.throws(() => Deno.lstatSync(`${folder}/new/hmac.key`), Deno.errors.NotFound);
    }
  }));

Deno.test("a folder in which anything lies is not restored into, what a cut-off restore left is replaced", () =>
  withFolder(async (folder) => {
    await using store = await temporaryStore();
    await fill(store);
    await backupStore(store, `${folder}/backup.tar`);
    const restore = (root: string) => restoreStore(`${folder}/backup.tar`, root);
    for (const there of ["cubes/cube_9/cube.json", "blobs/ab/cd", "hmac.key", "loopscope.db-wal"]) {
      const root = `${folder}/${there.replaceAll("/", "-")}`;
      Deno.mkdirSync(`${root}/${there}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeTextFileSync(`${root}/${there}`, "mine");
      await assertFailsWith("data_folder_not_empty", () => restore(root));
      assertEquals(Deno.readTextFileSync(`${root}/${there}`), "mine");
    }
    const root = `${folder}/cut-off`;
    Deno.mkdirSync(`${root}/models/half/1`, { recursive: true });
    Deno.writeTextFileSync(`${root}/models/half/1/model.json`, "{}");
    Deno.writeTextFileSync(`${root}/restoring`, "");
    await assertFailsWith("restore_unfinished", () => openEmbeddedStore({ root, zooPath: "" }));
    await restore(root);
    const restored = await openEmbeddedStore({ root, zooPath: "" });
    assertEquals((await restored.models.list()).map(({ name }) => name), [LONG_NAME, "film"]);
    assertEquals(await Array.fromAsync(checkDataFolder(restored, { deep: true })), []);
    await restored.close();
  }));

Deno.test("a backup of a later version is refused before anything is kept", () =>
  withFolder(async (folder) => {
    await using store = await temporaryStore();
    await fill(store);
    await backupStore(store, `${folder}/backup.tar`);
    const bytes = Deno.readFileSync(`${folder}/backup.tar`);
    const text = new TextDecoder("latin1").decode(bytes);
    const records = text.indexOf("SQLite format 3");
    const size = Number.parseInt(text.slice(records - 512 + 124, records - 512 + 135), 8);
    new DataView(bytes.buffer).setUint32(records + 60, 1000); // user_version
    const digest = createHash("sha256").update(bytes.subarray(records, records + size)).digest("hex");
    bytes.set(new TextEncoder().encode(digest), text.indexOf("  loopscope.db\n") - 64);
    Deno.writeFileSync(`${folder}/later.tar`, bytes);
    await assertFailsWith("schema_too_new", () => restoreStore(`${folder}/later.tar`, `${folder}/new`));
    assertEquals([...Deno.readDirSync(`${folder}/new/models`)], []);
  }));

Deno.test("a cube that has lost its uploaded bytes is in the backup all the same", () =>
  withFolder(async (folder) => {
    await using store = await temporaryStore();
    await fill(store);
    for (const { path } of store.blobs.list()) Deno.removeSync(path);
    assertEquals((await backupStore(store, `${folder}/backup.tar`)).cubes, 2);
    await restoreStore(`${folder}/backup.tar`, `${folder}/new`);
    const restored = await openEmbeddedStore({ root: `${folder}/new`, zooPath: "" });
    const said = await Array.fromAsync(checkDataFolder(restored, { deep: true }), ({ code }) => code);
    assertEquals(said, ["blob_missing", "blob_missing"]);
    await restored.close();
  }));

Deno.test("without its records a data folder is not opened: everything would be swept as a left-over", () =>
  withFolder(async (folder) => {
    const root = `${folder}/data`;
    const store = await openEmbeddedStore({ root, zooPath: "" });
    await fill(store);
    await store.close();
    Deno.removeSync(`${root}/loopscope.db`);
    await assertFailsWith("records_missing", () => openEmbeddedStore({ root, zooPath: "" }));
    assert.ok(Deno.statSync(`${root}/cubes/cube_1/values.f32`).size > 0);
  }));
