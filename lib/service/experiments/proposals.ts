import { shortestPath } from "../../experiments/shortest_path.ts";
import type { MeasuredPoints, NextPoint, StoredExperiment } from "../../store/ports/experiment_store.ts";

/** Batches that are handed out before the first of them is taken to be lost. */
const MOST_GIVEN = 4;

/** Points that can still be proposed, beyond those that are proposed already. */
export function pointsLeft({ shape: [rows, cols], forbiddenPixels = 0, ...record }: StoredExperiment): number {
  return rows * cols - forbiddenPixels - record.measured - record.given.length - record.ahead.length;
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
    last: pixels.at(-1) ?? record.last,
  }, batch);
}

/** The first points ahead become the next ones. */
export function handOut(record: StoredExperiment, count: number): StoredExperiment {
  const { shape: [, cols], ahead, given, batch } = record;
  const chosen = ahead.slice(0, count);
  const next = chosen.map(({ pixel, score }) => ({ ...placeOf(pixel, cols), score }));
  return {
    ...record,
    ...ordered(next, record),
    ahead: ahead.slice(count),
    given: [...given, ...chosen.map(({ pixel }) => pixel)].slice(-MOST_GIVEN * batch),
  };
}

/** With the order `path` from where the tip is, which is not known before the first measurement. */
function ordered(next: NextPoint[], { order, last, shape: [, cols] }: StoredExperiment) {
  if (order !== "path") return { next };
  const { places, length } = shortestPath(next, last === undefined ? undefined : placeOf(last, cols));
  return { next: places, pathLength: length };
}

export function placeOf(pixel: number, cols: number): { row: number; col: number } {
  return { row: Math.floor(pixel / cols), col: pixel % cols };
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
