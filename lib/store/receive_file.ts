import { createHash } from "node:crypto";
import { LoopscopeError, unprocessable } from "../base/errors.ts";

/** Bytes gathered before they are hashed and written: few calls, little memory. */
const BUFFER_BYTES = 1 << 20;

export interface ReceiveOptions {
  maxBytes: number;
  signal?: AbortSignal;
  expectedSha256?: string;
  /** Throws when the disk should not take so many bytes more. */
  beforeWrite(bytes: number): void | Promise<void>;
  /** On the disk when it resolves. */
  durable?: boolean;
}

/**
 * Streams to a new local file. Throws `too_large`, `checksum_mismatch`, `cancelled`, and what the disk says; the file is
 * the caller's to remove then.
 */
export async function receiveFile(
  stream: ReadableStream<Uint8Array>,
  path: string,
  options: ReceiveOptions,
): Promise<{ sha256: string; sizeBytes: number }> {
  const reader = stream.getReader();
  const onAbort = () => void reader.cancel(options.signal?.reason).catch(() => {});
  options.signal?.addEventListener("abort", onAbort);
  try {
    using file = await Deno.open(path, { write: true, createNew: true });
    const received = await copy(reader, file, options);
    if (options.durable) await file.sync();
    const { expectedSha256 } = options;
    if (expectedSha256 && expectedSha256.toLowerCase() !== received.sha256) {
      const message = `The body's SHA-256 is ${received.sha256}; expected ${expectedSha256}`;
      throw unprocessable("checksum_mismatch", message);
    }
    return received;
  } catch (error) {
    await reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
    reader.releaseLock();
  }
}

async function copy(reader: ReadableStreamDefaultReader<Uint8Array>, file: Deno.FsFile, options: ReceiveOptions) {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(BUFFER_BYTES);
  let filled = 0, sizeBytes = 0;
  const flush = async (bytes: Uint8Array) => {
    await options.beforeWrite(bytes.length);
    hash.update(bytes);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  };
  while (true) {
    const { done, value } = await reader.read();
    if (options.signal?.aborted) throw new LoopscopeError("cancelled", "cancelled", "The upload was cut off");
    if (done) break;
    sizeBytes += value.length;
    if (sizeBytes > options.maxBytes) throw tooLarge(sizeBytes, options.maxBytes);
    if (filled + value.length > BUFFER_BYTES) {
      await flush(buffer.subarray(0, filled));
      filled = 0;
    }
    if (value.length > BUFFER_BYTES) await flush(value);
    else {
      buffer.set(value, filled);
      filled += value.length;
    }
  }
  await flush(buffer.subarray(0, filled));
  return { sha256: hash.digest("hex"), sizeBytes };
}

function tooLarge(met: number, wanted: number): LoopscopeError {
  return new LoopscopeError("tooLarge", "too_large", `The body has at least ${met} bytes; expected at most ${wanted}`);
}
