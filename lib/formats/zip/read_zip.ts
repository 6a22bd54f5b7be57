import { LoopscopeError } from "../../base/errors.ts";
import type { ByteFile } from "../byte_file.ts";
import { rangeFile } from "./inflated_file.ts";
import { readZipEntries, zipError } from "./zip_archive.ts";
import { checkZipEntry, openZipEntry } from "./zip_entry_file.ts";

export interface ReadZipOptions {
  /** Of all wanted entries together, unpacked. */
  maxBytes: number;
  /** Entries of other names are passed over, unread. A folder around all of them does not belong to a name. */
  wanted(name: string): boolean;
}

/**
 * The wanted entries of an archive in memory, each checked against its checksum. Names are compared and never become
 * paths. Throws `zip_malformed`, `inflate_failed`, and `expands_too_much` (too large) before anything is unpacked.
 */
export function readZip(bytes: Uint8Array, { maxBytes, wanted }: ReadZipOptions): Map<string, Uint8Array<ArrayBuffer>> {
  const archive: ByteFile = rangeFile(bytes.length, (at, into) => into.set(bytes.subarray(at, at + into.length)));
  const listed = readZipEntries(archive);
  const folder = commonFolder(listed.map(({ name }) => name));
  const entries = listed.map((entry) => ({ ...entry, name: entry.name.slice(folder.length) }))
    .filter(({ name }) => wanted(name));
  const unpacked = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (unpacked > maxBytes) {
    const message = `The archive unpacks to ${unpacked} bytes; expected at most ${maxBytes}`;
    throw new LoopscopeError("tooLarge", "expands_too_much", message);
  }
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const entry of entries) {
    if (files.has(entry.name)) throw zipError(`two entries ${entry.name}`);
    const file = openZipEntry(archive, entry);
    checkZipEntry(file, entry);
    files.set(entry.name, file.read(0, file.sizeBytes));
  }
  return files;
}

/** `model/` where every entry lies in it, else nothing. */
function commonFolder(names: readonly string[]): string {
  const first = names[0] ?? "";
  const folder = first.slice(0, first.indexOf("/") + 1);
  return folder !== "" && names.every((name) => name.startsWith(folder)) ? folder : "";
}
