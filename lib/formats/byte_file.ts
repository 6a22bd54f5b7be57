import { unprocessable } from "../base/errors.ts";

/** A file opened for reading at any offset. */
export interface ByteFile {
  readonly sizeBytes: number;
  /** Fills `into` from byte `at` on; throws `file_truncated` when the file ends before. */
  readInto(at: number, into: Uint8Array): void;
  /** Up to `length` bytes from `at` on, fewer only at the end of the file. */
  read(at: number, length: number): Uint8Array<ArrayBuffer>;
  close(): void;
}

export function openByteFile(path: string): ByteFile {
  const file = Deno.openSync(path, { read: true });
  const sizeBytes = file.statSync().size;
  const fill = (at: number, into: Uint8Array): number => {
    file.seekSync(at, Deno.SeekMode.Start);
    let done = 0;
    while (done < into.length) {
      const count = file.readSync(into.subarray(done));
      if (count === null) break;
      done += count;
    }
    return done;
  };
  return {
    sizeBytes,
    readInto(at, into) {
      if (at + into.length <= sizeBytes && fill(at, into) === into.length) return;
      const message = `The file ends at byte ${sizeBytes}; expected bytes up to ${at + into.length}`;
      throw unprocessable("file_truncated", message);
    },
    read(at, length) {
      const into = new Uint8Array(Math.max(0, Math.min(length, sizeBytes - at)));
      return into.subarray(0, fill(at, into));
    },
    close: () => file.close(),
  };
}
