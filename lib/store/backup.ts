import { createHash } from "node:crypto";
import { conflict } from "../base/errors.ts";
import { Database } from "./database.ts";
import { asStoreError } from "./disk_error.ts";
import { exists, removeIfThere, syncFolder } from "./durable.ts";
import type { Store } from "./open_store.ts";
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
export async function backupStore(store: Store, target: string): Promise<BackupReport> {
  if (exists(target) && !Deno.statSync(target).isFile) {
    throw conflict("backup_target", `Met a folder at ${target}, wanted the name of a file`);
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
function holdFiles(store: Store, work: string): { files: string[]; cubes: number; models: number } {
  const snapshot = new Database(`${work}/loopscope.db`);
  const files: string[] = [];
  const hold = (names: string[]) => linkAll(store.folder.root, work, names) && files.push(...names) > 0;
  let cubes = 0, models = 0;
  const known = new Set<string>();
  for (const { id, sha256 } of snapshot.all<{ id: string; sha256: string }>("SELECT id, sha256 FROM cubes")) {
    const blob = `blobs/${sha256.slice(0, 2)}/${sha256}`;
    const hasBytes = known.has(blob) || hold([blob]);
    if (hasBytes) known.add(blob);
    // A cube that has lost its uploaded bytes is whole, one that is being deleted is not.
    const isThere = hasBytes || store.db.get("SELECT 1 FROM cubes WHERE id = ?", id) !== undefined;
    if (isThere && hold(cubeFiles(store, id))) cubes++;
    else snapshot.run("DELETE FROM cubes WHERE id = ?", id);
  }
  const versions = snapshot.all<{ name: string; version: number }>("SELECT name, version FROM model_versions");
  for (const { name, version } of versions) {
    if (hold(filesIn(store.folder.root, `models/${name}/${version}`))) models++;
    else snapshot.run("UPDATE model_versions SET digests = NULL WHERE name = ? AND version = ?", name, version);
  }
  const shipped = new Set(store.models.list().flatMap(({ name, versions }) => versions.map((v) => `${name}/${v}`)));
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

/** `cube.json` first: what it names is there for good. */
function cubeFiles(store: Store, id: string): string[] {
  const rest = filesIn(store.folder.root, `cubes/${id}`).filter((name) => !name.endsWith("/cube.json"));
  return [`cubes/${id}/cube.json`, ...rest];
}

function filesIn(root: string, folder: string): string[] {
  if (!exists(`${root}/${folder}`)) return [];
  return [...Deno.readDirSync(`${root}/${folder}`)].flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    return entry.isDirectory ? filesIn(root, name) : entry.name.endsWith(".part") ? [] : [name];
  });
}

/** False, and nothing linked, when one of them is not there. */
function linkAll(root: string, work: string, names: string[]): boolean {
  const done: string[] = [];
  for (const name of names) {
    const place = `${work}/${name}`;
    Deno.mkdirSync(place.slice(0, place.lastIndexOf("/")), { recursive: true });
    try {
      Deno.linkSync(`${root}/${name}`, place);
      done.push(place);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      done.forEach(removeIfThere);
      return false;
    }
  }
  return names.length > 0;
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
