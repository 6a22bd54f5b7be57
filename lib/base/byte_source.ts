type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes that are produced as they are read, any part of them at any time: a file, or one that exists only as a plan. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** The bytes from `start` up to `end`, in pieces of any size. */
  read(start: number, end: number): AsyncGenerator<Bytes>;
}

export function bytesSource(bytes: Bytes): ByteSource {
  return {
    sizeBytes: bytes.length,
    async *read(start, end) {
      yield bytes.subarray(start, end);
    },
  };
}

/** Sources one after another as one. */
export function joinSources(sources: readonly ByteSource[]): ByteSource {
  return {
    sizeBytes: sources.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    async *read(start, end) {
      let offset = 0;
      for (const source of sources) {
        const from = Math.max(0, start - offset);
        const to = Math.min(source.sizeBytes, end - offset);
        if (from < to) yield* source.read(from, to);
        offset += source.sizeBytes;
      }
    },
  };
}
