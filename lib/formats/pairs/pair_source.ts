import { unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import { arraySource, type StoredArray } from "../array_source.ts";
import type { ByteFile } from "../byte_file.ts";
import { withPart } from "../complex_part.ts";
import { checkExpansion } from "../cube_shape.ts";
import type { CubeSource, FormatLimits } from "../cube_source.ts";
import { displayName } from "../display_name.ts";
import { ndFile } from "../nd_file.ts";
import { readZipEntries, type ZipEntry } from "../zip/zip_archive.ts";
import { checkZipEntry, openZipEntry } from "../zip/zip_entry_file.ts";
import { parseEnviHeader } from "./envi_header.ts";
import { headerError, type RawHeader } from "./raw_header.ts";
import { parseRplHeader } from "./rpl_header.ts";

const HEADER = /\.(hdr|rpl)$/i;
const MAX_HEADER_BYTES = 2 ** 22, MOST_PAIRS = 64;

/** Whether an archive holds a text header of raw values: ENVI's hdr or Ripple's rpl. */
export function hasPairs(file: ByteFile): boolean {
  return readZipEntries(file).some(isHeader);
}

/**
 * Opens an archive of pairs of a text header and raw values, ENVI's (hdr) or Ripple's (rpl). The values have the name of
 * the header, or are the one other file. Throws `header_malformed`, `file_truncated`, `zip_malformed`.
 */
export function openPairSource(file: ByteFile, limits: FormatLimits): CubeSource {
  const entries = readZipEntries(file).filter(({ name }) => !name.startsWith("__MACOSX/") && !name.endsWith("/"));
  const pairs = entries.filter(isHeader).slice(0, MOST_PAIRS).map((entry) => pairOf(file, entry, entries));
  const arrays = pairs.map(({ array }) => array);
  return arraySource(arrays, { format: pairs[0].header.format, limits, close: () => file.close() });
}

function isHeader({ name }: ZipEntry): boolean {
  return HEADER.test(name) && !name.startsWith("__MACOSX/");
}

function pairOf(
  file: ByteFile,
  entry: ZipEntry,
  entries: readonly ZipEntry[],
): { header: RawHeader; array: StoredArray } {
  if (entry.sizeBytes > MAX_HEADER_BYTES) {
    throw headerError(`there are ${entry.sizeBytes} bytes; expected at most ${MAX_HEADER_BYTES}`);
  }
  const inner = openZipEntry(file, entry);
  checkZipEntry(inner, entry);
  const bytes = inner.read(0, inner.sizeBytes);
  const text = new TextDecoder().decode(bytes);
  const header = /^\s*ENVI/.test(text) ? parseEnviHeader(text.trimStart()) : parseRplHeader(text);
  const raw = rawOf(entry, entries);
  checkExpansion(raw.sizeBytes, raw.compressedBytes);
  const values = openZipEntry(file, raw);
  const { shape, type, offset, axes, quantity } = header;
  const wanted = offset + sizeOf(shape) * type.bytes;
  if (!(wanted <= values.sizeBytes)) {
    const message = `${displayName(raw.name)} has ${values.sizeBytes} bytes; expected ${wanted} for shape [${shape}]`;
    throw unprocessable("file_truncated", message);
  }
  checkZipEntry(values, raw);
  const layout = { shape, itemBytes: type.bytes, fieldOffset: 0, dataOffset: offset };
  const array: StoredArray = {
    ...{ shape, type, axes, quantity: displayName(quantity), unit: "", notes: [] },
    dataset: displayName(entry.name.replace(HEADER, "")),
    source: (part) => ndFile(values, { ...layout, type: withPart(type, part) }),
  };
  return { header, array };
}

/** The entry of raw values that belongs to a header. */
function rawOf(header: ZipEntry, entries: readonly ZipEntry[]): ZipEntry {
  const base = header.name.replace(HEADER, "");
  const others = entries.filter((entry) => !isHeader(entry));
  const named = others.filter(({ name }) => name === base || name.replace(/\.[^./]*$/, "") === base);
  const found = named.length > 0 ? named : others;
  if (found.length === 1) return found[0];
  const wanted = `expected one file of values, ${displayName(base)}.raw`;
  throw unprocessable("pair_missing", `${found.length} files could belong to ${displayName(header.name)}; ${wanted}`);
}
