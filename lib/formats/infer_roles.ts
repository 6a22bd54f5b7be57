import type { DescribedAxis } from "./axes.ts";
import { type AxisKind, axisKind, isLengthKind } from "./axis_kind.ts";

type Role = NonNullable<DescribedAxis["role"]>;

/**
 * Completes what a file says of its axes by their names and units: lengths are positions; volts, electronvolts, hertz and
 * a wavelength beside two lengths are spectra; temperature, angle and time are where nothing else is; a series in time
 * beside a spectrum is repeated. What the file itself marks stays, unless its marks have lengths as the spectrum and a
 * spectrum as a position, or more than two positions. Axes of which nothing is known stay without a role: then their order
 * decides.
 */
export function inferRoles(shape: readonly number[], axes: readonly DescribedAxis[]): DescribedAxis[] {
  const used = shape.flatMap((length, axis) => length > 1 ? [axis] : []);
  if (used.length < 3) return [...axes];
  const kinds = axes.map(axisKind);
  const isMarked = used.some((axis) => axes[axis].role !== undefined);
  if (isMarked && !contradicts(used, axes, kinds)) return completed(axes, kinds, used);
  const roles = rolesOf(used, kinds, shape) ?? describedAlone(used, axes, kinds) ?? lengthsAlone(used, kinds);
  return roles
    ? axes.map((axis, i) => ({ ...axis, role: roles.get(i) ?? (isMarked ? undefined : axis.role) }))
    : [...axes];
}

/** HyperSpy's images over a bias: the flags have the two sides of the image as signal and the bias as navigation. */
function contradicts(used: number[], axes: readonly DescribedAxis[], kinds: AxisKind[]): boolean {
  const spectral = used.filter((axis) => axes[axis].role === "spectral");
  const positions = used.filter((axis) => axes[axis].role === "position");
  const lengths = spectral.length > 0 && spectral.every((axis) => isLengthKind(kinds[axis]));
  const image = spectral.length === 2 &&
    spectral.every((axis) => isLengthKind(kinds[axis]) || kinds[axis] === undefined);
  return (lengths || image) && positions.some((axis) => kinds[axis] === "spectrum" || kinds[axis] === "parameter");
}

/** A role for each axis that the file leaves open and of which the name or unit tells; two positions at most. */
function completed(axes: readonly DescribedAxis[], kinds: AxisKind[], used: number[]): DescribedAxis[] {
  const hasSpectrum = used.some((axis) => axes[axis].role === "spectral");
  const positions = used.filter((axis) => axes[axis].role === "position");
  // A series of maps has its outer axes first.
  const kept = positions.length > 2 ? pixelPair(positions, kinds) ?? positions.slice(-2) : positions;
  return axes.map((axis, i) => {
    if (axis.role === "position" && !kept.includes(i)) return { ...axis, role: "repeat" };
    if (axis.role !== undefined || !hasSpectrum) return axis;
    return kinds[i] === "time" || kinds[i] === "repeat" ? { ...axis, role: "repeat" } : axis;
  });
}

/** Two positions and a spectrum, where names and units tell them apart; else undefined. */
function rolesOf(used: number[], kinds: AxisKind[], shape: readonly number[]): Map<number, Role> | undefined {
  const of = (...wanted: AxisKind[]) => used.filter((axis) => wanted.includes(kinds[axis]));
  const pair = pixelPair(used, kinds);
  const open = pair ? of(undefined) : [];
  // Two positions leave whatever there is as the spectrum; without them only what can be nothing else.
  const tiers = [
    of("spectrum"),
    ...(pair ? [open] : []),
    of("parameter"),
    of("time"),
    ...(pair ? [of("depth"), of("length"), of("x", "y"), of("repeat")] : []),
  ];
  const left = tiers.map((tier) => tier.filter((axis) => !pair?.includes(axis))).find((tier) => tier.length > 0);
  if (!left) return undefined;
  const spectral = left.reduce((best, axis) => (shape[axis] >= shape[best] ? axis : best));
  const series = of("time", "repeat", "depth", "parameter", "spectrum").filter((axis) => axis !== spectral);
  const positions = pair ?? used.filter((axis) => axis !== spectral && !series.includes(axis));
  if (positions.length !== 2) return undefined;
  const roles = new Map<number, Role>([[spectral, "spectral"]]);
  for (const axis of positions) roles.set(axis, "position");
  for (const axis of series) roles.set(axis, "repeat");
  return roles;
}

/** The axes along which the pixels lie, where names and units tell: one y and one x, or the only two lengths. */
function pixelPair(axes: number[], kinds: AxisKind[]): number[] | undefined {
  const of = (...wanted: AxisKind[]) => axes.filter((axis) => wanted.includes(kinds[axis]));
  const [y, x] = [of("y"), of("x")];
  if (y.length > 0 && x.length > 0) return [y[0], x[0]];
  const lengths = of("x", "y", "length");
  return lengths.length === 2 ? lengths : undefined;
}

/** One axis has values and the others nothing at all: that is the curve which the file's owner cared for. */
function describedAlone(
  used: number[],
  axes: readonly DescribedAxis[],
  kinds: AxisKind[],
): Map<number, Role> | undefined {
  const described = used.filter((axis) => axes[axis].values !== undefined);
  const isBare = (axis: number) => !axes[axis].name && !axes[axis].unit;
  const [only] = described;
  if (described.length !== 1 || kinds[only] !== undefined || !used.every((axis) => axis === only || isBare(axis))) {
    return undefined;
  }
  return new Map([[only, "spectral"]]);
}

function lengthsAlone(used: number[], kinds: AxisKind[]): Map<number, Role> | undefined {
  const lengths = used.filter((axis) => isLengthKind(kinds[axis]));
  return lengths.length === 1 || lengths.length === 2 ? new Map(lengths.map((axis) => [axis, "position"])) : undefined;
}
