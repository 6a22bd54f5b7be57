import { createHash } from "node:crypto";
import { asStoreError, onDisk } from "./disk_error.ts";

/** Writes all bytes; a short write goes on where it stopped. */
export function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += onDisk(() => file.writeSync(bytes.subarray(at)));
}

/** Writes so many bytes to a new file beside `path` and removes it; throws `disk_full` where there is no room. */
export function requireRoomBeside(path: string, bytes: number): void {
  const probe = `${path}.probe`;
  try {
    using file = onDisk(() => Deno.openSync(probe, { write: true, create: true, truncate: true }));
    writeAll(file, new Uint8Array(bytes));
    onDisk(() => file.syncSync());
  } finally {
    removeIfThere(probe);
  }
}

/** Makes the names inside a folder durable: creations, renames and removals. */
export function syncFolder(path: string): void {
  const folder = Deno.openSync(path, { read: true });
  try {
    onDisk(() => folder.syncSync());
  } finally {
    folder.close();
  }
}

/** Makes one file's content durable. */
export function syncFile(path: string): void {
  const file = Deno.openSync(path, { read: true });
  try {
    onDisk(() => file.syncSync());
  } finally {
    file.close();
  }
}

/** Makes a folder and everything in it durable, innermost first. */
export function syncTree(path: string): void {
  for (const entry of Deno.readDirSync(path)) {
    const inner = `${path}/${entry.name}`;
    if (entry.isDirectory) syncTree(inner);
    else if (entry.isFile) syncFile(inner);
  }
  syncFolder(path);
}

/** Replaces a file whole or not at all: written beside it, synced, renamed over it. */
export function writeFileDurably(path: string, content: Uint8Array | string, mode = 0o644): void {
  const partial = `${path}.part`;
  try {
    using file = onDisk(() => Deno.openSync(partial, { write: true, create: true, truncate: true, mode }));
    writeAll(file, typeof content === "string" ? new TextEncoder().encode(content) : content);
    onDisk(() => file.syncSync());
    onDisk(() => Deno.renameSync(partial, path));
  } catch (error) {
    removeIfThere(partial);
    throw error;
  }
  syncFolder(path.slice(0, path.lastIndexOf("/")) || "/");
}

/**
 * As `writeFileDurably` for large content: the disk is waited for in the background. `draft`, on the same disk, is what
 * is written and then renamed.
 */
export async function writeLargeFileDurably(
  path: string,
  content: Uint8Array | readonly Uint8Array[],
  draft = `${path}.part`,
): Promise<void> {
  try {
    // Never through `file.writable`: a stream does not report a small write for which the disk had no room.
    using file = await Deno.open(draft, { write: true, create: true, truncate: true });
    for (const piece of content instanceof Uint8Array ? [content] : content) {
      for (let at = 0; at < piece.length;) at += await file.write(piece.subarray(at));
    }
    await file.sync();
    await Deno.rename(draft, path);
  } catch (error) {
    removeIfThere(draft);
    throw asStoreError(error);
  }
  syncFolder(path.slice(0, path.lastIndexOf("/")));
}

/** Hexadecimal; reads a mebibyte at a time. */
export function sha256OfFile(path: string): string {
  const hash = createHash("sha256");
  using file = Deno.openSync(path);
  const buffer = new Uint8Array(1 << 20);
  for (let got = file.readSync(buffer); got !== null; got = file.readSync(buffer)) hash.update(buffer.subarray(0, got));
  return hash.digest("hex");
}

/** Undefined where there is no file (any more): another process may remove it at any time. */
export function sha256IfThere(path: string): string | undefined {
  try {
    return sha256OfFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Removes a file or a folder tree; one that is not there is fine. */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** What lies in a folder, by name; nothing where there is no folder. Links are not followed. */
export function entriesIn(path: string): Deno.DirEntry[] {
  if (!exists(path) || !Deno.lstatSync(path).isDirectory) return [];
  return [...Deno.readDirSync(path)].sort((a, b) => a.name < b.name ? -1 : 1);
}

export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}
