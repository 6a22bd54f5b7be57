import { createRandom } from "../base/random.ts";

/**
 * The mini-batches of one epoch: all samples in an order that follows from (seed, epoch) alone, so that a training that
 * was interrupted goes on with the same batches. A last batch of one sample is left out, since batch norm needs two.
 */
export function epochBatches(count: number, batchSize: number, seed: number, epoch: number): Int32Array[] {
  const order = createRandom(mixSeed(seed, epoch)).shuffle(Int32Array.from({ length: count }, (_, i) => i));
  const batches: Int32Array[] = [];
  for (let at = 0; at < count; at += batchSize) {
    const batch = order.subarray(at, Math.min(at + batchSize, count));
    if (batch.length > 1) batches.push(batch);
  }
  return batches;
}

/** A seed for a numbered part of a seeded whole; neighbouring numbers give unrelated seeds. */
export function mixSeed(seed: number, part: number): number {
  let mixed = (seed ^ Math.imul(part + 1, 0x9e3779b1)) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
