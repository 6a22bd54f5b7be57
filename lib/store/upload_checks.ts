import { LoopscopeError, missing } from "../base/errors.ts";
import type { Upload } from "../schemas/upload.ts";

/** Throws `too_large` where the upload would get more bytes than were announced. */
export function requireCapacity({ sizeBytes }: Upload, wouldHave: number): void {
  if (wouldHave <= sizeBytes) return;
  throw new LoopscopeError("tooLarge", "too_large", `The upload has ${wouldHave} bytes; expected at most ${sizeBytes}`);
}

/** For an upload that is complete: a client that lost the last response asks again with an empty piece. */
export async function requireNoMoreBytes(piece: ReadableStream<Uint8Array>, upload: Upload): Promise<number> {
  for await (const bytes of piece) requireCapacity(upload, upload.sizeBytes + bytes.length);
  return upload.sizeBytes;
}

/** Throws `checksum_mismatch`. */
export function requireChecksum(met: Uint8Array, expected: Uint8Array): void {
  if (met.length === expected.length && met.every((byte, i) => byte === expected[i])) return;
  throw new LoopscopeError("checksum", "checksum_mismatch", "The piece does not have the checksum that came with it");
}

export function uploadMissing(id: string): LoopscopeError {
  const name = id.slice(0, 100);
  return missing("upload_missing", `There is no upload ${name}: it was never made, has expired or was removed`);
}
