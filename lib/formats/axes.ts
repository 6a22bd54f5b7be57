import type { Axis } from "../schemas/cube.ts";
import { displayName } from "./display_name.ts";

/** An axis that a file names but may not describe. */
export interface AxisDescription {
  name?: string;
  unit?: string;
  values?: ArrayLike<number>;
}

/** An axis of an array that may not be a cube, with what the file says it is, where it says so. */
export interface DescribedAxis extends AxisDescription {
  role?: "position" | "spectral" | "repeat";
}

/** 0, 1, 2, … without a unit: what an axis is where the file does not say. */
export function indexAxis(name: string, length: number): Axis {
  return { name, unit: "", values: Array.from({ length }, (_, i) => i) };
}

/**
 * An axis of `length` values as the file describes it; without one finite value for each step it becomes the index
 * axis, and a note says so.
 */
export function axisFrom(described: AxisDescription, fallbackName: string, length: number, notes: string[]): Axis {
  const name = displayName(described.name ?? "") || fallbackName;
  const { values } = described;
  if (values && values.length === length && Array.from(values).every(Number.isFinite)) {
    return { name, unit: displayName(described.unit ?? ""), values: Array.from(values) };
  }
  if (values && values.length > 0) {
    const problem = values.length === length ? "has values that are not finite" : `has ${values.length} values`;
    notes.push(`Axis ${name} ${problem}; expected ${length} finite ones: steps are counted from 0 instead`);
  }
  return indexAxis(name, length);
}

/** `length` values from `offset` on, `scale` apart. */
export function uniformValues(offset: number, scale: number, length: number): number[] {
  return Array.from({ length }, (_, i) => offset + scale * i);
}
