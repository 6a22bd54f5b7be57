import { unprocessable } from "../base/errors.ts";
import { type Channel } from "./channel.ts";
import { displayName } from "./display_name.ts";
import type { FloatArray } from "./scalar_type.ts";

/** A member of a record. */
export interface NamedField {
  name: string;
}

/** The members of a simple-harmonic-oscillator fit that piezoresponse needs, and what judges it. */
export interface ShoFields<F extends NamedField> {
  amplitude: F;
  phase: F;
  r2?: F;
  /** Quality factor, resonance frequency: images of their own. */
  others: F[];
}

/** A fit that explains less than this share of the resonance has failed. */
export const FAILED_R2 = 0.1;

/** The members of a record that are a simple-harmonic-oscillator fit, by their names; undefined without amplitude and phase. */
export function shoFieldsOf<F extends NamedField>(fields: readonly F[]): ShoFields<F> | undefined {
  const find = (pattern: RegExp) => fields.find(({ name }) => pattern.test(lastPart(name)));
  const [amplitude, phase] = [find(/^amplitude/i), find(/^phase/i)];
  if (!amplitude || !phase) return undefined;
  const others = [find(/^quality|^q\b/i), find(/^frequency/i)].filter((field) => field !== undefined);
  return { amplitude, phase, r2: find(/^r2/i), others };
}

/** The member's own name in `fit.Amplitude [V]`. */
function lastPart(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** The unit in `Amplitude [V]`. */
export function unitInBrackets(name: string): string {
  return displayName(/\[([^\]]*)\]\s*$/.exec(name)?.[1] ?? "");
}

export function withoutBrackets(name: string): string {
  return displayName(name.replace(/\s*\[[^\]]*\]\s*$/, ""));
}

/** A number that a channel gives under this name, or undefined; throws `channel_unknown` for what is none. */
export function channelNumber({ pairs }: Channel, name: string): number | undefined {
  const text = pairs.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text !== "" && Number.isFinite(value)) return value;
  throw unprocessable("channel_unknown", `Found ${name}:${displayName(text)}; expected a number`);
}

/** Sums over fits from which the instrument's phase offset follows. */
export interface PhaseSums {
  cosine: number;
  sine: number;
}

/**
 * Adds fits to the sums: the two polarisations lie pi apart, so phases are doubled, weighted by amplitude capped at
 * three times its median (one failed fit must not decide).
 */
export function addPhases(sums: PhaseSums, amplitude: FloatArray, phase: FloatArray, good: Uint8Array): void {
  const cap = 3 * medianOf(amplitude.filter((_, i) => good[i]));
  for (let i = 0; i < amplitude.length; i++) {
    if (!good[i]) continue;
    const weight = Math.min(amplitude[i], cap);
    sums.cosine += weight * Math.cos(2 * phase[i]);
    sums.sine += weight * Math.sin(2 * phase[i]);
  }
}

/** In (-pi/2, pi/2]: which of the two polarisations is positive cannot be known from the phases. */
export function phaseOffsetOf({ cosine, sine }: PhaseSums): number {
  return Math.atan2(sine, cosine) / 2;
}

function medianOf(values: FloatArray): number {
  const sorted = values.sort();
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** What a member's name says: `Amplitude [V]` is the quantity Amplitude in V. */
export function fieldNames({ name }: NamedField): { quantity: string; unit: string } {
  return { quantity: withoutBrackets(name), unit: unitInBrackets(name) };
}
