import { createHash } from "node:crypto";
import { conflict } from "../../base/errors.ts";
import { ARCHIVE_NAMES } from "./archive_names.ts";
import { Database } from "../embedded/database.ts";
import { asStoreError } from "../disk_error.ts";
import { exists, removeIfThere, syncFolder } from "../durable.ts";
import type { EmbeddedStore } from "../embedded/open_embedded_store.ts";
import { TarWriter } from "./tar.ts";

export interface BackupReport {
  cubes: number;
  models: number;
  sizeBytes: number;
}

/**
 * Writes everything that is kept (not derived results) to one tar file, while the service may be running: a snapshot of
 * the records, then the files they name, held by hard links so that nothing can vanish while it is copied. What is
 * deleted meanwhile is left out with its record. The file holds the hashes of the API keys: it is readable by its owner
 * only. It appears whole or not at all; throws `disk_full`.
 */
export async function backupStore(store: EmbeddedStore, target: string): Promise<BackupReport> {
  if (exists(target) && !Deno.statSync(target).isFile) {
    throw conflict("backup_target", `Found a folder at ${target}; expected the name of a file`);
  }
  const work = store.folder.makeTmpFolder("backup");
  const partial = `${target}.part`;
  try {
    store.db.copyTo(`${work}/loopscope.db`);
    const held = holdFiles(store, work);
    removeIfThere(partial);
    using file = await Deno.open(partial, { write: true, createNew: true, mode: 0o600 });
    await writeArchive(new TarWriter(file), work, held.files);
    await file.sync();
    await Deno.rename(partial, target);
    syncFolder(target.includes("/") ? target.slice(0, target.lastIndexOf("/")) || "/" : ".");
    return { cubes: held.cubes, models: held.models, sizeBytes: (await file.stat()).size };
  } catch (error) {
    removeIfThere(partial);
    throw asStoreError(error);
  } finally {
    removeIfThere(work);
  }
}

/** Links the files of everything in the snapshot into `work`, and takes out of the snapshot what has been deleted since. */
function holdFiles(store: EmbeddedStore, work: string): { files: string[]; cubes: number; models: number } {
  const snapshot = new Database(`${work}/loopscope.db`);
  const files: string[] = [];
  const hold = (names: Iterable<string>) => {
    const held = linkAll(store.folder.root, work, names);
    files.push(...held);
    return held.length > 0;
  };
  let cubes = 0, models = 0;
  const known = new Set<string>();
  const rows = "SELECT id, sha256, record FROM cubes";
  for (const { id, sha256, record } of snapshot.all<{ id: string; sha256: string; record: string }>(rows)) {
    const blob = `blobs/${sha256.slice(0, 2)}/${sha256}`;
    const hasBytes = known.has(blob) || hold([blob]);
    if (hasBytes) known.add(blob);
    // A cube that has lost its uploaded bytes is whole, one that is being deleted is not.
    const isThere = hasBytes || store.db.get("SELECT 1 FROM cubes WHERE id = ?", id) !== undefined;
    if (isThere && hold(cubeFiles(store, id))) cubes++;
    else snapshot.run("DELETE FROM cubes WHERE id = ?", id);
    // An image channel was added meanwhile: the restore makes the files what the snapshot says.
    const now = store.db.get<{ record: string }>("SELECT record FROM cubes WHERE id = ?", id);
    if (now?.record !== record) snapshot.run("UPDATE cubes SET changing = 1 WHERE id = ?", id);
  }
  const versions = snapshot.all<{ name: string; version: number }>("SELECT name, version FROM model_versions");
  for (const { name, version } of versions) {
    if (hold(filesIn(store.folder.root, `models/${name}/${version}`))) models++;
    else snapshot.run("UPDATE model_versions SET digests = NULL WHERE name = ? AND version = ?", name, version);
  }
  const shipped = new Set(
    store.modelFolders.list().flatMap(({ name, versions }) => versions.map((v) => `${name}/${v}`)),
  );
  for (const alias of snapshot.all<{ name: string; alias: string; version: number }>("SELECT * FROM aliases")) {
    if (shipped.has(`${alias.name}/${alias.version}`)) continue;
    snapshot.run("DELETE FROM aliases WHERE name = ? AND alias = ?", alias.name, alias.alias);
  }
  const active = "SELECT id FROM jobs WHERE state IN ('queued', 'running')";
  for (const { id } of snapshot.all<{ id: string }>(active)) hold([`jobs/${id}/checkpoint`]);
  for (const name of ["hmac.key", "demo-added"]) hold([name]);
  snapshot.close();
  return { files, cubes, models };
}

/** `cube.json` is held before the rest is looked for: what it names is there for good. */
function* cubeFiles(store: EmbeddedStore, id: string): Generator<string> {
  const first = `cubes/${id}/cube.json`;
  yield first;
  for (const name of filesIn(store.folder.root, `cubes/${id}`)) if (name !== first) yield name;
}

/** What a backup holds of a folder: not what is half written, and no stranger's files. */
function* filesIn(root: string, folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(`${root}/${folder}`)) {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* filesIn(root, name);
    else if (ARCHIVE_NAMES.test(name)) yield name;
  }
}

/** Links each as it is named; none of them when one is not there (any more). */
function linkAll(root: string, work: string, names: Iterable<string>): string[] {
  const done: string[] = [];
  try {
    for (const name of names) {
      const place = `${work}/${name}`;
      Deno.mkdirSync(place.slice(0, place.lastIndexOf("/")), { recursive: true });
      Deno.linkSync(`${root}/${name}`, place);
      done.push(name);
    }
    return done;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    for (const name of done) removeIfThere(`${work}/${name}`);
    return [];
  }
}

/** All files, their digests, and the records last: a restore that is cut off has no records. */
async function writeArchive(tar: TarWriter, work: string, names: string[]): Promise<void> {
  const sums: string[] = [];
  for (const name of [...names, "loopscope.db"]) {
    const hash = createHash("sha256");
    if (name === "loopscope.db") hash.update(await Deno.readFile(`${work}/${name}`));
    else await tar.addFile(name, `${work}/${name}`, (bytes) => hash.update(bytes));
    sums.push(`${hash.digest("hex")}  ${name}\n`);
  }
  await tar.addBytes("SHA256SUMS", new TextEncoder().encode(sums.join("")));
  await tar.addFile("loopscope.db", `${work}/loopscope.db`, () => {});
  await tar.finish();
}
