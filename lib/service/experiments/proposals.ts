import type { MeasuredPoints, StoredExperiment } from "../../store/ports/experiment_store.ts";

/** Batches that are handed out before the first of them is taken to be lost. */
const MOST_GIVEN = 4;

/** Points that can still be proposed, beyond those that are proposed already. */
export function pointsLeft({ shape: [rows, cols], measured, given, ahead }: StoredExperiment): number {
  return rows * cols - measured - given.length - ahead.length;
}

/** The record with these points measured, and the next batch handed out: points that were not handed out before. */
export function withMeasured(record: StoredExperiment, { pixels, values_NS }: MeasuredPoints): StoredExperiment {
  const { batch, measured } = record;
  const added = new Set(pixels);
  const ahead = record.ahead.filter(({ pixel }) => !added.has(pixel));
  const given = record.given.filter((pixel) => !added.has(pixel));
  return handOut({
    ...record,
    ahead,
    given,
    points: pixels.length > 0 ? values_NS.length / pixels.length : record.points,
    measured: measured + pixels.length,
  }, batch);
}

/** The first points ahead become the next ones. */
export function handOut(record: StoredExperiment, count: number): StoredExperiment {
  const { shape: [, cols], ahead, given, batch } = record;
  const chosen = ahead.slice(0, count);
  return {
    ...record,
    next: chosen.map(({ pixel, score }) => ({ row: Math.floor(pixel / cols), col: pixel % cols, score })),
    ahead: ahead.slice(count),
    given: [...given, ...chosen.map(({ pixel }) => pixel)].slice(-MOST_GIVEN * batch),
  };
}

/** The record with other points ahead, but for those that were measured or handed out since they were chosen. */
export function withProposals(
  record: StoredExperiment,
  proposed: StoredExperiment["ahead"],
  measured: Int32Array,
): StoredExperiment {
  const taken = new Set([...measured, ...record.given]);
  return { ...record, ahead: proposed.filter(({ pixel }) => !taken.has(pixel)) };
}
