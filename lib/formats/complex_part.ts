import { sizeOf } from "../base/nd_array.ts";
import type { ComplexPart } from "../schemas/given.ts";
import type { NdSource } from "./nd_cube.ts";
import { isComplex, type ReadPart, type ScalarType } from "./scalar_type.ts";

/** Values that are read at once to find the offset of a projection. */
const PIECE_VALUES = 2 ** 20;

export interface ReadComplex {
  source: NdSource;
  quantity: string;
  unit: string;
  note: string;
}

/**
 * A complex array as real numbers: the part that was asked for, else the magnitude. A projection is A cos(phase - offset)
 * with the offset along which the values vary most, found from all of them. `open` gives the array with one part read.
 */
export function readComplex(
  asked: ComplexPart | undefined,
  names: { quantity: string; unit: string },
  open: (part: ReadPart) => NdSource,
): ReadComplex {
  const part = asked ?? "magnitude";
  const quantity = [names.quantity, part].filter(Boolean).join(" ");
  const unit = part === "phase" ? "rad" : names.unit;
  if (part !== "projection") {
    const more = asked ? "" : ": complex=phase, real, imaginary or projection reads another part";
    return { source: open(part), quantity, unit, note: `Values are complex; their ${part} is read${more}` };
  }
  const offset = offsetOf(open("real"), open("imaginary"));
  const note = `Values are complex; A cos(phase - ${offset.toFixed(4)} rad) is read, the offset found from all of them`;
  return { source: open({ cos: Math.cos(offset), sin: Math.sin(offset) }), quantity, unit, note };
}

/** The type with a part to read, where it is complex. */
export function withPart(type: ScalarType, part: ReadPart | undefined): ScalarType {
  return isComplex(type) && part !== undefined ? { ...type, part } : type;
}

/** The direction in the complex plane along which the values have the largest square, in [-pi/2, pi/2]. */
function offsetOf(real: NdSource, imaginary: NdSource): number {
  const { shape } = real;
  const perStep = sizeOf(shape.slice(1));
  const steps = Math.max(1, Math.floor(PIECE_VALUES / perStep));
  let [difference, product] = [0, 0];
  for (let from = 0; from < shape[0]; from += steps) {
    const offset = shape.map((_, axis) => axis === 0 ? from : 0);
    const count = [Math.min(steps, shape[0] - from), ...shape.slice(1)];
    const [re, im] = [real.read(offset, count), imaginary.read(offset, count)];
    for (let i = 0; i < re.length; i++) {
      if (!Number.isFinite(re[i]) || !Number.isFinite(im[i])) continue;
      difference += re[i] * re[i] - im[i] * im[i];
      product += re[i] * im[i];
    }
  }
  return Math.atan2(2 * product, difference) / 2;
}
