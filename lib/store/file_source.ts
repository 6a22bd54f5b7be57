import type { ByteSource } from "../base/byte_source.ts";

const PIECE_BYTES = 256 * 1024;

/** A file as a source of bytes; it is open only while it is read. */
export function fileSource(path: string, sizeBytes: number): ByteSource {
  return {
    sizeBytes,
    async *read(start, end) {
      using file = await Deno.open(path, { read: true });
      await file.seek(start, Deno.SeekMode.Start);
      for (let at = start; at < end;) {
        const piece = new Uint8Array(Math.min(PIECE_BYTES, end - at));
        const got = await file.read(piece);
        if (got === null) throw new RangeError(`The file ends at byte ${at}; expected ${end}`);
        yield piece.subarray(0, got);
        at += got;
      }
    },
  };
}
