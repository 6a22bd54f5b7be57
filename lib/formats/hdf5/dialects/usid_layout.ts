import { unprocessable } from "../../../base/errors.ts";
import { type Channel, channelIndex } from "../../channel.ts";
import { displayList, displayName } from "../../display_name.ts";
import type { UsidDimension } from "./usid_ancillary.ts";

/** Which positions of a USID dataset are a cube's pixels and which of its columns are its spectral steps. */
export interface UsidLayout {
  row: UsidDimension;
  col: UsidDimension;
  spectral: UsidDimension;
  /** Position of each pixel, rows x cols; -1 where none was measured. */
  positions_HW: Int32Array;
  /** Column of each step. */
  columns_S: Int32Array;
  /** Values of the spectral axis at those columns. */
  values_S: number[];
  notes: string[];
}

const FIELD = /^field/i;
const REPEATED = /cycle|forc|repeat/i;
/** Spectroscopic value of `Field`: https://pycroscopy.github.io/USID */
const FIELD_NAMES: Record<string, number> = { in: 0, out: 1 };

/**
 * Finds rows, columns and the spectral axis. Rows and columns are Y and X where they are called so, else the slower and
 * the faster position axis. Of in-field and out-of-field steps the latter are taken, of cycles and FORC repeats the
 * last, unless the channel says otherwise. Undefined without two position axes and one spectral axis.
 */
export function layOutUsid(
  positions: readonly UsidDimension[],
  steps: readonly UsidDimension[],
  channel: Channel,
): UsidLayout | undefined {
  const longPositions = positions.filter(({ values }) => values.length > 1);
  const longSteps = steps.filter(({ values }) => values.length > 1);
  const spectral = spectralDimension(longSteps, channel);
  if (longPositions.length < 2 || !spectral) return undefined;
  const [row, col] = gridDimensions(longPositions);
  const notes: string[] = [];
  const otherPositions = longPositions.filter((dimension) => dimension !== row && dimension !== col);
  const otherSteps = longSteps.filter((dimension) => dimension !== spectral);
  const chosenPositions = otherPositions.map((dimension) => choose(dimension, channel, notes));
  const chosenSteps = otherSteps.map((dimension) => choose(dimension, channel, notes));
  const matches = (dimensions: UsidDimension[], chosen: number[], i: number) =>
    dimensions.every((dimension, d) => dimension.places[i] === chosen[d]);
  const columns = Array.from(spectral.places.keys()).filter((i) => matches(otherSteps, chosenSteps, i));
  columns.sort((a, b) => spectral.places[a] - spectral.places[b] || a - b);
  const positions_HW = new Int32Array(row.values.length * col.values.length).fill(-1);
  let twice = 0;
  for (let i = 0; i < row.places.length; i++) {
    if (!matches(otherPositions, chosenPositions, i)) continue;
    const pixel = row.places[i] * col.values.length + col.places[i];
    if (positions_HW[pixel] >= 0) twice++;
    positions_HW[pixel] = i;
  }
  const empty = positions_HW.reduce((count, position) => count + (position < 0 ? 1 : 0), 0);
  if (empty > 0) notes.push(`${empty} pixels of the grid were not measured`);
  if (twice > 0) notes.push(`${twice} pixels were measured more than once, the last time counts`);
  const values_S = columns.map((i) => spectral.values[spectral.places[i]]);
  return { row, col, spectral, positions_HW, columns_S: Int32Array.from(columns), values_S, notes };
}

/** Lengths of all axes longer than 1, slowest first: rows, columns, then the spectroscopic ones. */
export function usidShape(positions: readonly UsidDimension[], steps: readonly UsidDimension[]): number[] {
  return [positions, steps].flatMap((dimensions) =>
    dimensions.filter(({ values }) => values.length > 1).sort((a, b) => a.changes - b.changes)
      .map(({ values }) => values.length)
  );
}

function gridDimensions(dimensions: readonly UsidDimension[]): [row: UsidDimension, col: UsidDimension] {
  const x = dimensions.find(({ name }) => /^x/i.test(name));
  const y = dimensions.find(({ name }) => /^y/i.test(name));
  if (x && y) return [y, x];
  const [slow, fast] = [...dimensions].sort((a, b) => a.changes - b.changes).slice(-2);
  return [slow, fast];
}

function spectralDimension(dimensions: readonly UsidDimension[], { pairs }: Channel): UsidDimension | undefined {
  const asked = pairs.get("spectral");
  if (asked !== undefined) {
    const found = dimensions.find(({ name }) => name.toLowerCase() === asked.toLowerCase());
    if (found) return found;
    const wanted = displayList(dimensions.map(({ name }) => name));
    throw unprocessable("channel_unknown", `Found spectral:${displayName(asked)}; expected one of ${wanted}`);
  }
  const usual = dimensions.filter(({ name }) => !FIELD.test(name) && !REPEATED.test(name));
  const among = usual.length > 0 ? usual : dimensions;
  return [...among].sort((a, b) => b.values.length - a.values.length)[0];
}

/** The place along an axis that is neither position nor spectrum. */
function choose(dimension: UsidDimension, channel: Channel, notes: string[]): number {
  const { name, values } = dimension;
  const isField = FIELD.test(name);
  const word = channel.pairs.get(name.toLowerCase()) ?? (isField ? "out" : undefined);
  if (isField && word !== undefined && word in FIELD_NAMES) {
    const place = values.indexOf(FIELD_NAMES[word]);
    notes.push(
      `${word === "in" ? "In-field" : "Out-of-field"} steps are taken (channel field:in or field:out chooses)`,
    );
    return place >= 0 ? place : FIELD_NAMES[word] % values.length;
  }
  const place = channelIndex(channel, name, values.length) ?? (REPEATED.test(name) ? values.length - 1 : 0);
  notes.push(`${name} has ${values.length} steps, taken at index ${place} (channel ${name}:INDEX chooses)`);
  return place;
}
