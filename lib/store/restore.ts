import { createHash } from "node:crypto";
import { conflict, LoopscopeError } from "../base/errors.ts";
import { DataFolder } from "./data_folder.ts";
import { asStoreError } from "./disk_error.ts";
import { exists, removeIfThere, syncFolder, syncTree } from "./durable.ts";
import { readTar, type TarEntry } from "./tar.ts";

/** All that a backup holds: an archive cannot name anything else. */
const NAMES = new RegExp(
  "^(?:blobs/[0-9a-f]{2}/[0-9a-f]{64}" +
    "|cubes/[a-z0-9_]+/(?:cube\\.json|values\\.f32|mask\\.u8|maps/[0-9]+\\.f32)" +
    "|models/[a-z0-9][a-z0-9._-]{0,63}/[1-9][0-9]*/[a-z0-9_][a-z0-9._-]*" +
    "|jobs/[a-z0-9_]+/checkpoint|hmac\\.key|webhook\\.key|SHA256SUMS|loopscope\\.db)$",
);
const DATABASE = "loopscope.db";

/**
 * Fills a data folder that has no records from a backup. Every file is compared with its digest; the records come last,
 * so that a restore that is cut off is none. Throws `data_folder_not_empty`, `data_folder_in_use` (conflict),
 * `archive_damaged` (unprocessable), `disk_full`.
 */
export async function restoreStore(archive: string, root: string): Promise<void> {
  if (exists(`${root}/${DATABASE}`)) {
    throw conflict("data_folder_not_empty", `${root} has records already, wanted an empty or absent folder`);
  }
  using file = await Deno.open(archive);
  const folder = new DataFolder(root);
  const database = folder.tmpPath("restored");
  try {
    await extract(file, root, database);
    syncTree(root);
    Deno.renameSync(database, `${root}/${DATABASE}`);
    syncFolder(root);
  } catch (error) {
    throw asStoreError(error);
  } finally {
    removeIfThere(database);
    folder.close();
  }
}

async function extract(file: Deno.FsFile, root: string, database: string): Promise<void> {
  const met = new Map<string, string>();
  let wanted: string | undefined;
  for await (const entry of readTar(file)) {
    if (!NAMES.test(entry.name)) throw damaged(`has an entry named ${JSON.stringify(entry.name)}`);
    if (entry.name === "SHA256SUMS") wanted = await textOf(entry);
    else met.set(entry.name, await extractEntry(entry, entry.name === DATABASE ? database : `${root}/${entry.name}`));
  }
  if (wanted === undefined || !met.has(DATABASE)) throw damaged("has no records");
  const lines = wanted.split("\n").filter(Boolean).map((line) => line.split("  "));
  for (const [sha256, name] of lines) {
    if (met.get(name) !== sha256) throw damaged(`has ${name} with SHA-256 ${met.get(name)}, wanted ${sha256}`);
  }
  if (lines.length !== met.size) throw damaged(`has ${met.size} files, wanted ${lines.length}`);
}

/** Writes one file durably and returns its SHA-256. */
async function extractEntry(entry: TarEntry, path: string): Promise<string> {
  const parent = path.slice(0, path.lastIndexOf("/"));
  await Deno.mkdir(parent, { recursive: true });
  const mode = entry.name.endsWith(".key") ? 0o600 : 0o644;
  using file = await Deno.open(path, { write: true, create: true, truncate: true, mode });
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
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of entry.parts()) text += decoder.decode(part, { stream: true });
  return text;
}

function damaged(how: string): LoopscopeError {
  return new LoopscopeError("unprocessable", "archive_damaged", `The archive ${how}`);
}
