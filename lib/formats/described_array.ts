import { unprocessable } from "../base/errors.ts";
import type { ImageChannel } from "../cube/cube.ts";
import { axisFrom, type DescribedAxis } from "./axes.ts";
import { type Channel, channelIndex, checkChannelNames, parseChannel } from "./channel.ts";
import { checkCubeShape, isCubeShape } from "./cube_shape.ts";
import type { CubeView, FormatLimits } from "./cube_source.ts";
import { inferRoles } from "./infer_roles.ts";
import { displayName } from "./display_name.ts";
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
  maps?: (grid: readonly [number, number]) => ImageChannel[];
}

/** Where the axes of an array say nothing, a repeated measurement (cycle, FORC) is read at its last index. */
const REPEATED = /cycle|forc|repeat/i;

/** True where an array can be read as a cube without being told more. */
export function isCube(described: DescribedArray): boolean {
  const array = withRoles(described);
  const roles = chooseRoles(array, parseChannel(undefined));
  return roles !== undefined && isCubeShape(cubeShape(array.source.shape, roles));
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
  const notes = [...array.notes, ...fixedNotes(array, roles), ...orderNotes(array, roles, channelText)];
  const axis = (index: number, name: string) => axisFrom(array.axes[index], name, source.shape[index], notes);
  return {
    format: array.format,
    dataset: displayName(dataset),
    shape,
    axes: { row: axis(roles.row, "row"), col: axis(roles.col, "col"), spectral: axis(roles.spectral, "step") },
    quantity: displayName(array.quantity),
    unit: displayName(array.unit),
    notes,
    warnings: orderWarnings(array, roles, channelText),
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
  const [row, col] = positions.slice(0, 2).sort(order);
  const free = rest.filter((axis) => axis !== row && axis !== col);
  checkChannelNames({ ...channel, pairs: withoutSpectral(channel) }, free.map((axis) => axisName(array, axis)));
  const fixed = shape.map((length, axis) => {
    if (!free.includes(axis)) return 0;
    const name = axisName(array, axis);
    return channelIndex(channel, name, length) ?? (REPEATED.test(name) ? length - 1 : 0);
  });
  return { row, col, spectral, fixed };
}

function withoutSpectral({ pairs }: Channel): Map<string, string> {
  return new Map([...pairs].filter(([name]) => name !== "spectral"));
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

/** Where nothing but the order of axes says which is the spectrum, a person should look before training on it. */
function orderNotes(array: DescribedArray, roles: CubeRoles, channelText: string | undefined): string[] {
  const { axes } = array;
  const told = axes[roles.spectral].role !== undefined || axes[roles.spectral].values !== undefined ||
    channelText?.includes("spectral:");
  if (told || axes.every(({ name, unit }) => !name && !unit)) return [];
  const name = displayName(axisName(array, roles.spectral));
  return [`Only its place says that ${name} is the spectral axis (channel spectral:NAME chooses another)`];
}

/** As `orderNotes`, and where the file says nothing of its axes at all. */
function orderWarnings(array: DescribedArray, roles: CubeRoles, channelText: string | undefined): string[] {
  const { axes, source } = array;
  if (channelText?.includes("spectral:")) return [];
  if (axes.some(({ name, unit, values, role }) => name || unit || values || role)) {
    return orderNotes(array, roles, channelText);
  }
  const steps = source.shape[roles.spectral];
  return [
    `The file says nothing of its axes: the one of ${steps} steps is taken for the spectrum by its place (give axis, or ` +
    "channel spectral:NAME)",
  ];
}

function fixedNotes(array: DescribedArray, roles: CubeRoles): string[] {
  const { shape } = array.source;
  return shape.flatMap((length, axis) => {
    if (length === 1 || [roles.row, roles.col, roles.spectral].includes(axis)) return [];
    const name = displayName(axisName(array, axis));
    return [`Axis ${name} has ${length} steps, taken at index ${roles.fixed[axis]} (channel ${name}:INDEX chooses)`];
  });
}
