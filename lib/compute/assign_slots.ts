import { accesses } from "./step.ts";
import type { BufferId, Step } from "./step.ts";

/** Slot sizes are multiples of 64 floats (256 bytes). */
const ALIGN = 64;

export interface NamedSize {
  readonly name: string;
  /** A batch of n samples takes n * floatsPerSample + floatsFixed. */
  readonly floatsPerSample: number;
  readonly floatsFixed: number;
}

/** Floats that live from the step that writes them to the last that reads them (-1 and steps.length: the caller). */
export interface PlanBuffer extends NamedSize {
  readonly first: number;
  readonly last: number;
  /** Which piece of memory it lies in. */
  readonly slot: number;
}

/**
 * Gives each buffer a piece of memory so that no two that live at the same step share one: in order of birth, the
 * smallest free piece that is large enough, else the largest free piece, grown, else a new one.
 */
export function assignSlots(
  sizes: readonly NamedSize[],
  steps: readonly Step[],
  options: { given: readonly BufferId[]; kept: readonly BufferId[]; batch: number },
): { buffers: PlanBuffer[]; slotSizes: number[] } {
  const lives = lifetimes(sizes.length, steps, options);
  const slotSizes: number[] = [];
  const busyUntil: number[] = [];
  const slots: number[] = [];
  const byBirth = sizes.map((_, id) => id).sort((a, b) => lives[a].first - lives[b].first || a - b);
  for (const id of byBirth) {
    const { floatsPerSample, floatsFixed } = sizes[id];
    const floats = Math.ceil((options.batch * floatsPerSample + floatsFixed) / ALIGN) * ALIGN;
    const slot = chooseSlot(floats, slotSizes, (other) => busyUntil[other] < lives[id].first);
    slotSizes[slot] = Math.max(slotSizes[slot] ?? 0, floats);
    busyUntil[slot] = lives[id].last;
    slots[id] = slot;
  }
  return { buffers: sizes.map((size, id) => ({ ...size, ...lives[id], slot: slots[id] })), slotSizes };
}

function chooseSlot(floats: number, slotSizes: readonly number[], isFree: (slot: number) => boolean): number {
  let best = -1;
  for (let slot = 0; slot < slotSizes.length; slot++) {
    if (!isFree(slot)) continue;
    const size = slotSizes[slot];
    const bestSize = slotSizes[best] ?? -1;
    const better = bestSize < floats ? size > bestSize : size >= floats && size < bestSize;
    if (better) best = slot;
  }
  return best < 0 ? slotSizes.length : best;
}

function lifetimes(
  count: number,
  steps: readonly Step[],
  { given, kept }: { given: readonly BufferId[]; kept: readonly BufferId[] },
): { first: number; last: number }[] {
  const lives = Array.from({ length: count }, () => ({ first: Infinity, last: -Infinity }));
  steps.forEach((step, at) => {
    const { reads, writes } = accesses(step);
    for (const id of [...reads, ...writes]) {
      lives[id].first = Math.min(lives[id].first, at);
      lives[id].last = Math.max(lives[id].last, at);
    }
  });
  for (const id of given) lives[id].first = -1;
  for (const id of kept) lives[id].last = steps.length;
  return lives;
}
