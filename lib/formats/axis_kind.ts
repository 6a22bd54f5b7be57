import type { AxisDescription } from "./axes.ts";

/** What the name and the unit of an axis say that it is; undefined where they say nothing. */
export type AxisKind = "x" | "y" | "depth" | "length" | "spectrum" | "parameter" | "time" | "repeat" | undefined;

const NAMES: [kind: NonNullable<AxisKind>, pattern: RegExp][] = [
  [
    "spectrum",
    /wavelength|wavenumber|lambda|energy|loss|bias|volt|potential|freq|raman|spectr|sweep|^x-?ray|^m\/z$|^(v|e|c|u|channels?)$/i,
  ],
  ["x", /^(x|col|cols|column|columns|width|samx|xpos|stagex|x[ _.-].*|.*[ _.-]x)$/i],
  ["y", /^(y|row|rows|line|lines|height|samy|ypos|stagey|y[ _.-].*|.*[ _.-]y)$/i],
  ["depth", /^(z|depth|z[ _-].*)$/i],
  ["parameter", /temperature|magnetic|angle|polari[sz]ation|pressure|dose/i],
  ["repeat", /cycle|repeat|forc|frame|scan|trace/i],
  ["time", /^(t|time|delay|.*[ _-](time|delay)|time[ _-].*)$/i],
];

const UNITS: [kind: NonNullable<AxisKind>, pattern: RegExp][] = [
  ["length", /^([pnuµμm]?m|cm|km|a|å|angstroms?|px|pixels?|met(er|re)s?|micron(s)?|(nano|micro)met(er|re)s?)$/i],
  ["spectrum", /^([mkµμu]?v|volts?|[mkM]?ev|[kKMG]?hz|1\/cm|cm\^?-1|1\/m|[pnµμum]?a)$/i],
  ["parameter", /^(k|kelvin|°c|t|oe|deg|degrees?|°|rad|m?pa)$/i],
  ["time", /^(([fpnuµμm]?s|seconds?|min|minutes?|h|hours?|days?)( since .*)?)$/i],
];

export function axisKind({ name = "", unit = "" }: Pick<AxisDescription, "name" | "unit">): AxisKind {
  const byName = NAMES.find(([, pattern]) => pattern.test(name.trim()))?.[0];
  const byUnit = unitKind(unit.trim());
  // A wavelength has the unit of a length, and `x` may be anything: the unit decides there unless the name is plain.
  if (byName === "spectrum" || byName === "repeat") return byName;
  const isPlace = byName === "x" || byName === "y" || byName === "depth";
  if (isPlace && (byUnit === undefined || byUnit === "length" || byUnit === "parameter")) return byName;
  return byUnit ?? byName;
}

/** True for an axis along which pixels may lie. */
export function isLengthKind(kind: AxisKind): boolean {
  return kind === "x" || kind === "y" || kind === "length";
}

/** Case matters between metre and milli-, ampere and ångström: `A` beside lengths is rarer than a current. */
function unitKind(unit: string): AxisKind {
  if (unit === "A") return "spectrum";
  return UNITS.find(([, pattern]) => pattern.test(unit))?.[0];
}
