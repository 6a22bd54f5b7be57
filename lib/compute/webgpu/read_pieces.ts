import type { BufferPart, GpuDevice } from "./gpu_device.ts";

/** Results that are read at once, and how many pieces of work at most: what else waits for the device waits for these. */
const READ_FLOATS = 2 ** 20;
const MOST_PIECES = 32;
/** Read-backs that are waited for while the next pieces run. */
const READS_AHEAD = 2;

/** Work whose results may be overwritten as soon as the next piece is submitted. */
export interface Piece {
  /** Submits the work; returns where its results lie. */
  submit(): readonly BufferPart[];
  /** Takes the results, one array a part. */
  place(results: readonly Float32Array[]): void;
}

/**
 * Runs the pieces in order with `floatsEach` floats of results at most. The results of several pieces come back in one
 * read, and the next pieces run meanwhile: every wait for the device costs 10 ms or more.
 */
export async function readPieces(gpu: GpuDevice, pieces: Iterable<Piece>, floatsEach: number): Promise<void> {
  const most = Math.max(1, Math.min(MOST_PIECES, Math.floor(READ_FLOATS / Math.max(1, floatsEach))));
  const pending: Promise<void>[] = [];
  for (const group of inGroups(pieces, most)) {
    const readBack = gpu.openReadBack(group.length * floatsEach);
    for (const piece of group) readBack.take(piece.submit());
    const placed = readBack.values().then((values) => values.forEach((met, i) => group[i].place(met)));
    placed.catch(() => {}); // awaited below
    pending.push(placed);
    if (pending.length > READS_AHEAD) await pending.shift();
  }
  await Promise.all(pending);
}

function* inGroups<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let group: T[] = [];
  for (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
