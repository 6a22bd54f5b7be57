import type { DescribedAxis } from "./axes.ts";

/** What the name and the unit of an axis say that it is. */
type Kind = "x" | "y" | "depth" | "length" | "spectrum" | "time" | "repeat" | undefined;

const NAMES: [kind: NonNullable<Kind>, pattern: RegExp][] = [
  ["x", /^(x|col|cols|column|columns|width|x[ _-].*|.*[ _-]x)$/i],
  ["y", /^(y|row|rows|line|lines|height|y[ _-].*|.*[ _-]y)$/i],
  ["depth", /^(z|depth|z[ _-].*)$/i],
  [
    "spectrum",
    /wavelength|wavenumber|lambda|energy|loss|bias|volt|potential|freq|raman|spectr|sweep|^(v|e|c|u|channels?)$/i,
  ],
  ["repeat", /cycle|repeat|forc|frame|scan|trace/i],
  ["time", /^(t|time|.*[ _-]time)$/i],
];

const UNITS: [kind: NonNullable<Kind>, pattern: RegExp][] = [
  ["length", /^([pnuµμm]?m|cm|km|a|å|angstroms?|px|pixels?|met(er|re)s?|micron(s)?|(nano|micro)met(er|re)s?)$/i],
  ["spectrum", /^([mkµμu]?v|volts?|[mkM]?ev|[kKMG]?hz|1\/cm|cm\^?-1|1\/m|k|kelvin|[pnµμum]?a|t|oe|deg|rad)$/i],
  ["time", /^([pnuµμm]?s|seconds?|min|h)$/i],
];

function kindOf({ name = "", unit = "" }: DescribedAxis): Kind {
  const byName = NAMES.find(([, pattern]) => pattern.test(name.trim()))?.[0];
  const byUnit = unitKind(unit.trim());
  // A wavelength has the unit of a length, and `x` may be anything: the unit decides there unless the name is plain.
  if (byName === "spectrum" || byName === "repeat") return byName;
  if ((byName === "x" || byName === "y" || byName === "depth") && byUnit !== "spectrum" && byUnit !== "time") {
    return byName;
  }
  return byUnit ?? byName;
}

/** Case matters between metre and milli-, ampere and ångström: `A` beside lengths is rarer than a current. */
function unitKind(unit: string): Kind {
  if (unit === "A") return "spectrum";
  return UNITS.find(([, pattern]) => pattern.test(unit))?.[0];
}

/**
 * Completes what a file says of its axes by their names and units: lengths are positions; volts, electronvolts, hertz,
 * kelvin and a wavelength beside two lengths are spectra; a series in time beside a spectrum is repeated. What the file
 * itself marks stays, unless its marks have a length as the only spectrum and a spectrum as a position. Axes of which
 * nothing is known stay without a role: then their order decides.
 */
export function inferRoles(shape: readonly number[], axes: readonly DescribedAxis[]): DescribedAxis[] {
  const used = shape.flatMap((length, axis) => length > 1 ? [axis] : []);
  if (used.length < 3) return [...axes];
  const kinds = axes.map(kindOf);
  const marked = used.filter((axis) => axes[axis].role !== undefined);
  if (marked.length > 0 && !contradicts(used, axes, kinds)) return completed(axes, kinds, used);
  const roles = rolesOf(used, kinds);
  return roles
    ? axes.map((axis, i) => ({ ...axis, role: roles.get(i) ?? (marked.length > 0 ? undefined : axis.role) }))
    : [...axes];
}

/** Axes that no other axis equals in length: a curve of that length can only be theirs. */
export function lengthsOfTheirOwn(shape: readonly number[]): number[] {
  return shape.flatMap((length, axis) => {
    return length > 1 && shape.filter((other) => other === length).length === 1 ? [axis] : [];
  });
}

/** HyperSpy's images over a bias: the flags have the two lengths as signal and the bias as navigation. */
function contradicts(used: number[], axes: readonly DescribedAxis[], kinds: Kind[]): boolean {
  const spectral = used.filter((axis) => axes[axis].role === "spectral");
  const positions = used.filter((axis) => axes[axis].role === "position");
  return spectral.length > 0 && spectral.every((axis) => isLength(kinds[axis])) &&
    positions.some((axis) => kinds[axis] === "spectrum");
}

/** A role for each axis that the file leaves open and of which the name or unit tells. */
function completed(axes: readonly DescribedAxis[], kinds: Kind[], used: number[]): DescribedAxis[] {
  const hasSpectrum = used.some((axis) => axes[axis].role === "spectral");
  return axes.map((axis, i) => {
    if (axis.role !== undefined || !hasSpectrum) return axis;
    if (kinds[i] === "time" || kinds[i] === "repeat") return { ...axis, role: "repeat" };
    return axis;
  });
}

/** Two positions and a spectrum, where names and units tell them apart; else undefined. */
function rolesOf(used: number[], kinds: Kind[]): Map<number, NonNullable<DescribedAxis["role"]>> | undefined {
  const of = (...wanted: Kind[]) => used.filter((axis) => wanted.includes(kinds[axis]));
  const named = of("x", "y");
  const lengths = of("x", "y", "length");
  const positions = named.length >= 2 ? named.slice(0, 2) : lengths.length === 2 ? lengths : undefined;
  const spectra = of("spectrum").length > 0 ? of("spectrum") : of("time").length === 1 ? of("time") : [];
  const open = used.filter((axis) => kinds[axis] === undefined);
  const roles = new Map<number, NonNullable<DescribedAxis["role"]>>();
  if (positions && spectra.length === 0) {
    // What is left beside two positions is the spectrum, where it is one axis.
    const rest = used.filter((axis) => !positions.includes(axis));
    if (rest.length !== 1) return undefined;
    roles.set(rest[0], "spectral");
  } else if (spectra.length === 1 && (positions || open.length + lengths.length === used.length - 1)) {
    roles.set(spectra[0], "spectral");
  } else if (!(positions && spectra.length > 0)) return undefined;
  else roles.set(spectra.at(-1)!, "spectral");
  for (const axis of positions ?? []) roles.set(axis, "position");
  for (const axis of of("time", "repeat", "depth")) if (!roles.has(axis)) roles.set(axis, "repeat");
  return roles;
}

function isLength(kind: Kind): boolean {
  return kind === "x" || kind === "y" || kind === "length";
}
