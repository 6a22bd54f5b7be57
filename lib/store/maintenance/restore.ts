import { createHash } from "node:crypto";
import { conflict, LoopscopeError } from "../../base/errors.ts";
import { ARCHIVE_NAMES } from "./archive_names.ts";
import { DiskBlobStore } from "../embedded/disk_blob_store.ts";
import { SqliteCubeStore } from "../embedded/sqlite_cube_store.ts";
import { DataFolder, FOLDERS, RESTORING } from "../embedded/data_folder.ts";
import { Database } from "../embedded/database.ts";
import { asStoreError } from "../disk_error.ts";
import { entriesIn, exists, removeIfThere, syncFolder, syncTree, writeFileDurably } from "../durable.ts";
import { readTar, type TarEntry } from "./tar.ts";

const DATABASE = "loopscope.db";
const FILES = ["hmac.key", "demo-added", `${DATABASE}-wal`, `${DATABASE}-shm`];
/** Some two million files. */
const MAX_SUMS_BYTES = 256 * 2 ** 20;

/**
 * Fills an empty or absent data folder from a backup. Every file is compared with its digest; the records come last, so
 * that a restore that is cut off is none: the folder is refused then until another restore has filled it. Throws
 * `data_folder_not_empty`, `data_folder_in_use`, `schema_too_new` (conflict), `archive_damaged` (unprocessable),
 * `database_damaged`, `disk_full`, and leaves nothing.
 */
export async function restoreStore(archive: string, root: string): Promise<void> {
  requireEmpty(root);
  using file = await Deno.open(archive);
  const folder = new DataFolder(root);
  const database = folder.tmpPath("restored");
  try {
    writeFileDurably(`${root}/${RESTORING}`, "");
    clear(root);
    await extract(file, root, database);
    checkRecords(database, folder);
    syncTree(root);
    Deno.renameSync(database, `${root}/${DATABASE}`);
    syncFolder(root);
  } catch (error) {
    clear(root);
    throw asStoreError(error);
  } finally {
    removeIfThere(database);
    removeIfThere(`${root}/${RESTORING}`);
    folder.close();
  }
}

/** Nothing of anybody's is written over, but what a restore that was cut off has left. */
function requireEmpty(root: string): void {
  const cutOff = exists(`${root}/${RESTORING}`) && !exists(`${root}/${DATABASE}`);
  const met = [DATABASE, ...FILES].find((name) => exists(`${root}/${name}`)) ??
    FOLDERS.find((name) => entriesIn(`${root}/${name}`).length > 0);
  if (met === undefined || cutOff) return;
  throw conflict("data_folder_not_empty", `${root} has ${met} already; expected an empty or absent folder`);
}

function clear(root: string): void {
  for (const folder of FOLDERS) {
    for (const { name } of entriesIn(`${root}/${folder}`)) removeIfThere(`${root}/${folder}/${name}`);
  }
  for (const name of FILES) removeIfThere(`${root}/${name}`);
}

async function extract(file: Deno.FsFile, root: string, database: string): Promise<void> {
  const met = new Map<string, string>();
  let wanted: string | undefined;
  for await (const entry of readTar(file)) {
    if (!ARCHIVE_NAMES.test(entry.name)) throw damaged(`has an entry named ${JSON.stringify(entry.name)}`);
    if (met.has(entry.name)) throw damaged(`has ${entry.name} twice`);
    if (entry.name === "SHA256SUMS") wanted = await textOf(entry);
    else met.set(entry.name, await extractEntry(entry, entry.name === DATABASE ? database : `${root}/${entry.name}`));
  }
  if (wanted === undefined || !met.has(DATABASE)) throw damaged("has no records");
  const lines = new Map(wanted.split("\n").filter(Boolean).map((line) => [line.slice(66), line.slice(0, 64)]));
  for (const [name, sha256] of lines) {
    if (met.get(name) !== sha256) throw damaged(`has ${name} with SHA-256 ${met.get(name)}; expected ${sha256}`);
  }
  if (lines.size !== met.size) throw damaged(`has ${met.size} files; expected ${lines.size}`);
}

/** The records of a later version are refused here, not at the next start; image channels that came too late are taken away. */
function checkRecords(path: string, folder: DataFolder): void {
  const records = new Database(path);
  try {
    const [problem] = records.problems();
    if (problem) throw damaged(`has damaged records: ${problem}`);
    new SqliteCubeStore(records, folder, new DiskBlobStore(folder, () => true)).settleImages();
  } finally {
    records.close();
  }
}

/** Writes one file durably and returns its SHA-256. */
async function extractEntry(entry: TarEntry, path: string): Promise<string> {
  const parent = path.slice(0, path.lastIndexOf("/"));
  await Deno.mkdir(parent, { recursive: true });
  const mode = entry.name.endsWith(".key") ? 0o600 : 0o644;
  using file = await Deno.open(path, { write: true, createNew: true, mode });
  const hash = createHash("sha256");
  for await (const part of entry.parts()) {
    hash.update(part);
    for (let at = 0; at < part.length;) at += await file.write(part.subarray(at));
  }
  await file.sync();
  syncFolder(parent);
  return hash.digest("hex");
}

async function textOf(entry: TarEntry): Promise<string> {
  if (entry.size > MAX_SUMS_BYTES) {
    throw damaged(`has a list of ${entry.size} bytes; expected at most ${MAX_SUMS_BYTES}`);
  }
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of entry.parts()) text += decoder.decode(part, { stream: true });
  return text;
}

function damaged(how: string): LoopscopeError {
  return new LoopscopeError("unprocessable", "archive_damaged", `The archive ${how}`);
}
