import { unprocessable } from "../base/errors.ts";
import type { ImageChannel } from "../cube/cube.ts";
import { axisFrom, type DescribedAxis } from "./axes.ts";
import { axisKind } from "./axis_kind.ts";
import { type Channel, channelIndex, checkChannelNames, parseChannel } from "./channel.ts";
import { checkCubeShape, isCubeShape } from "./cube_shape.ts";
import type { CubeView, FormatLimits } from "./cube_source.ts";
import { type CubeEvidence, cubeEvidence } from "./cube_evidence.ts";
import { inferRoles } from "./infer_roles.ts";
import { displayList, displayName } from "./display_name.ts";
import { type CubeRoles, type NdSource, readCubeRows, slabRowsOf } from "./nd_cube.ts";

/** An array with what a file tells of it. `axes` has one entry for each dimension of the source, in its order. */
export interface DescribedArray {
  format: string;
  dataset: string;
  source: NdSource;
  axes: DescribedAxis[];
  quantity: string;
  unit: string;
  notes: string[];
  /** Column-major writers (Fortran, MATLAB): the source's last axis is the first one that its owner sees. */
  reversed?: boolean;
  /** The file marks it as a stack of images: a cube only where its names and units say so, or where it is named. */
  isImages?: boolean;
  /** Rows and columns stay in the file's order, whichever of them is named x. */
  keepsOrder?: boolean;
  maps?: (grid: readonly [number, number]) => ImageChannel[];
}

/** Where the axes of an array say nothing, a repeated measurement (cycle, FORC) is read at its last index. */
const REPEATED = /cycle|forc|repeat/i;

/** How sure it is that an array is a cube, or undefined where it cannot be read as one without being told more. */
export function evidenceOf(described: DescribedArray): CubeEvidence | undefined {
  const array = withRoles(described);
  const roles = chooseRoles(array, parseChannel(undefined));
  if (!roles || !isCubeShape(cubeShape(array.source.shape, roles))) return undefined;
  return evidenceFor(described, array, roles);
}

function evidenceFor(described: DescribedArray, array: DescribedArray, roles: CubeRoles): CubeEvidence {
  const { dataset, axes, isImages } = array;
  const spectralName = axisName(array, roles.spectral);
  return cubeEvidence({ dataset, stored: described.axes, axes, roles, spectralName, isImages });
}

/** True where an array can be read as a cube without being told more. */
export function isCube(described: DescribedArray): boolean {
  return evidenceOf(described) !== undefined;
}

/**
 * An array as a cube. Axes of length 1 are dropped; beyond three, those that are neither position nor the spectral
 * axis stay at an index, which a channel `name:index` chooses; `spectral:name` chooses the spectral axis.
 * Throws `cube_needed` for fewer than three axes, `channel_unknown`, `channel_index`, `cube_too_small`,
 * `cube_too_large`.
 */
export function arrayCube(described: DescribedArray, channelText: string | undefined, limits: FormatLimits): CubeView {
  const array = withRoles(described);
  const { source, dataset } = array;
  const roles = chooseRoles(array, parseChannel(channelText));
  if (!roles) {
    const met = `${displayName(dataset) || "The array"} has shape [${
      array.reversed ? [...source.shape].reverse() : source.shape
    }]`;
    throw unprocessable("cube_needed", `${met}; expected three axes: rows, columns and spectral steps`);
  }
  const shape = cubeShape(source.shape, roles);
  checkCubeShape(shape, limits);
  const warnings = warningsOf(described, array, roles, channelText);
  const notes = [...array.notes, ...fixedNotes(array, roles)];
  const axis = (index: number, name: string) => axisFrom(array.axes[index], name, source.shape[index], notes);
  return {
    format: array.format,
    dataset: displayName(dataset),
    shape,
    axes: { row: axis(roles.row, "row"), col: axis(roles.col, "col"), spectral: axis(roles.spectral, "step") },
    quantity: displayName(array.quantity),
    unit: displayName(array.unit),
    notes,
    warnings,
    slabRows: slabRowsOf(source, roles),
    readRows: (row0, rows) => readCubeRows(source, roles, row0, rows),
    maps: () => array.maps?.([shape[0], shape[1]]) ?? [],
  };
}

function withRoles(array: DescribedArray): DescribedArray {
  return { ...array, axes: inferRoles(array.source.shape, array.axes) };
}

function cubeShape(shape: readonly number[], { row, col, spectral }: CubeRoles): [number, number, number] {
  return [shape[row], shape[col], shape[spectral]];
}

function axisName(array: DescribedArray, axis: number): string {
  return array.axes[axis].name || `axis${ownerAxis(array, axis)}`;
}

/** The number of an axis as the file's owner counts. */
function ownerAxis({ source, reversed }: DescribedArray, axis: number): number {
  return reversed ? source.shape.length - 1 - axis : axis;
}

function chooseRoles(array: DescribedArray, channel: Channel): CubeRoles | undefined {
  const { shape } = array.source;
  const inOrder = shape.map((_, i) => ownerAxis(array, i));
  const used = inOrder.filter((axis) => shape[axis] > 1);
  if (used.length < 3) return undefined;
  const spectral = spectralAxis(array, used, channel);
  const rest = used.filter((axis) => axis !== spectral);
  const order = (a: number, b: number) => inOrder.indexOf(a) - inOrder.indexOf(b);
  const positions = [...rest].sort((a, b) => positionRank(array, a) - positionRank(array, b) || order(a, b));
  const [row, col] = oriented(array, positions.slice(0, 2).sort(order));
  const free = rest.filter((axis) => axis !== row && axis !== col);
  const byNumber = (axis: number) => `axis${ownerAxis(array, axis)}`;
  const known = free.map((axis) => axisName(array, axis));
  checkChannelNames(withoutNames(channel, ["spectral", ...free.map(byNumber)]), known);
  const fixed = shape.map((length, axis) => {
    if (!free.includes(axis)) return 0;
    const name = axisName(array, axis);
    return channelIndex(channel, name, length) ?? channelIndex(channel, byNumber(axis), length) ??
      (REPEATED.test(name) ? length - 1 : 0);
  });
  return { row, col, spectral, fixed };
}

/** What is named y are the rows and what is named x the columns; else the order of the file decides. */
function oriented({ axes, keepsOrder }: DescribedArray, [first, second]: number[]): number[] {
  const turned = !keepsOrder && axisKind(axes[first]) === "x" && axisKind(axes[second]) === "y";
  return turned ? [second, first] : [first, second];
}

function withoutNames(channel: Channel, names: readonly string[]): Channel {
  return { ...channel, pairs: new Map([...channel.pairs].filter(([name]) => !names.includes(name))) };
}

function spectralAxis(array: DescribedArray, used: number[], { pairs }: Channel): number {
  const asked = pairs.get("spectral");
  if (asked !== undefined) {
    const found = used.find((axis) =>
      [axisName(array, axis).toLowerCase(), String(ownerAxis(array, axis)), `axis${ownerAxis(array, axis)}`]
        .includes(asked.toLowerCase())
    );
    if (found !== undefined) return found;
    const names = used.map((axis) => displayName(axisName(array, axis))).join(", ");
    throw unprocessable("channel_unknown", `Found spectral:${displayName(asked)}; expected one of ${names}`);
  }
  const { shape } = array.source;
  const longest = (axes: number[]) => axes.reduce((best, axis) => (shape[axis] > shape[best] ? axis : best), axes[0]);
  const spectral = used.filter((axis) => array.axes[axis].role === "spectral");
  if (spectral.length > 0) return longest(spectral);
  const open = used.filter((axis) => array.axes[axis].role === undefined);
  const positions = used.filter((axis) => array.axes[axis].role === "position").length;
  // The two positions are told, or the first axes of those that say nothing; of what remains the longest is spectral.
  const candidates = open.slice(Math.max(0, 2 - positions));
  return candidates.length > 0 ? longest(candidates) : used[used.length - 1];
}

function positionRank(array: DescribedArray, axis: number): number {
  const role = array.axes[axis].role;
  return role === "position" ? 0 : role === undefined ? 1 : 2;
}

/** Where the evidence for the spectral axis is thin, a person should look before training on it. */
function warningsOf(
  described: DescribedArray,
  array: DescribedArray,
  roles: CubeRoles,
  channelText: string | undefined,
): string[] {
  if (channelText?.includes("spectral:")) return [];
  const { axes, source } = array;
  const { level, reason } = evidenceFor(described, array, roles);
  const others = source.shape.flatMap((length, axis) => {
    return length > 1 && axis !== roles.spectral && described.axes[axis].role === "spectral" ? [axis] : [];
  });
  if (level > 0 && others.length > 0 && described.axes[roles.spectral].role === "spectral") {
    const names = displayList([roles.spectral, ...others].map((axis) => axisName(array, axis)));
    return [`The file marks several axes as spectral (${names}): the longest is read (channel spectral:NAME chooses)`];
  }
  if (level > 0) return [];
  const steps = source.shape[roles.spectral];
  if (axes.every(({ name, unit, values, role }) => !name && !unit && !values && !role)) {
    return [
      `The file says nothing of its axes: the one of ${steps} steps is taken for the spectrum by its place (give axis, or ` +
      "channel spectral:NAME)",
    ];
  }
  if (level < 0) return [`This is a stack of images: ${reason} (channel spectral:NAME chooses the spectral axis)`];
  return [`Uncertain: ${reason} (channel spectral:NAME chooses another axis)`];
}

function fixedNotes(array: DescribedArray, roles: CubeRoles): string[] {
  const { shape } = array.source;
  return shape.flatMap((length, axis) => {
    if (length === 1 || [roles.row, roles.col, roles.spectral].includes(axis)) return [];
    const name = displayName(axisName(array, axis));
    return [`Axis ${name} has ${length} steps, taken at index ${roles.fixed[axis]} (channel ${name}:INDEX chooses)`];
  });
}
