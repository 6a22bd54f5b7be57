import { unprocessable } from "../../base/errors.ts";
import type { ByteFile } from "../byte_file.ts";
import { displayName } from "../display_name.ts";
import { crc32Of, openDeflated, rangeFile } from "./inflated_file.ts";
import { type ZipEntry, zipError } from "./zip_archive.ts";

/** An entry of a ZIP archive as a file of its declared size. */
export function openZipEntry(archive: ByteFile, entry: ZipEntry): ByteFile {
  const { name, method, dataOffset, sizeBytes, compressedBytes } = entry;
  if (method === 8) return openDeflated(archive, { at: dataOffset, compressedBytes, sizeBytes });
  if (method !== 0) {
    const advice = "save it with numpy.savez or numpy.savez_compressed";
    throw unprocessable("zip_method", `Entry ${displayName(name)} uses ZIP method ${method}: ${advice}`);
  }
  if (sizeBytes !== compressedBytes) throw zipError(`entry ${displayName(name)} of contradicting sizes`);
  return rangeFile(sizeBytes, (at, into) => archive.readInto(dataOffset + at, into));
}

/** Throws `zip_malformed` where the entry's bytes do not have the declared checksum. */
export function checkZipEntry(file: ByteFile, entry: ZipEntry): void {
  if (crc32Of(file) !== entry.crc32) throw zipError(`entry ${displayName(entry.name)} with a wrong checksum`);
}
