import type { DescribedAxis } from "./axes.ts";
import { axisKind } from "./axis_kind.ts";

/** A one-dimensional array that lies beside an array of more dimensions. */
export interface Curve {
  name: string;
  unit?: string;
  length: number;
  values(): ArrayLike<number>;
}

/**
 * The axes of an array by the curves beside it that have their lengths: `shape` in the order in which its owner sees it.
 * A curve that is alone with an axis of its length describes it; where several axes or curves share a length, those named
 * as a spectrum go to the last of these axes and y and x to the first two. What remains open has no description.
 */
export function pairedAxes(shape: readonly number[], curves: readonly Curve[]): DescribedAxis[] {
  const axes: DescribedAxis[] = shape.map(() => ({}));
  if (shape.filter((length) => length > 1).length < 3) return axes;
  for (const length of new Set(shape.filter((length) => length > 1))) {
    const places = shape.flatMap((each, axis) => each === length ? [axis] : []);
    const alike = curves.filter((curve) => curve.length === length);
    for (const [axis, curve] of matches(places, alike, shape)) axes[axis] = describe(curve);
  }
  return axes;
}

function matches(places: number[], curves: Curve[], shape: readonly number[]): [axis: number, curve: Curve][] {
  const named = (...kinds: string[]) => curves.filter((curve) => kinds.includes(axisKind(curve) ?? ""));
  const [spectra, ys, xs] = [named("spectrum", "parameter"), named("y"), named("x")];
  if (places.length === 1) {
    const only = curves.length === 1 ? curves : [spectra, ys, xs].find(({ length }) => length === 1);
    return only ? [[places[0], only[0]]] : [];
  }
  const found: [number, Curve][] = [];
  const rest = [...places];
  const spectrum = curves.length === 1 && ys.length + xs.length === 0 ? curves : spectra;
  // Where nothing is said the spectral axis is the last one, or the longest beyond the first two.
  if (spectrum.length === 1 && isUsual(rest.at(-1)!, shape)) found.push([rest.pop()!, spectrum[0]]);
  if (ys.length === 1 && xs.length === 1 && rest.length === 2) found.push([rest[0], ys[0]], [rest[1], xs[0]]);
  return found;
}

/** The axis that is taken for the spectral one where nothing is said. */
function isUsual(axis: number, shape: readonly number[]): boolean {
  const order = shape.flatMap((length, i) => length > 1 ? [i] : []).slice(2);
  return order.length > 0 && shape[axis] === Math.max(...order.map((i) => shape[i]));
}

function describe({ name, unit, values }: Curve): DescribedAxis {
  return { name, unit, values: values() };
}

/** A curve that is read once, when it is first needed. */
export function lazyCurve(curve: Curve): Curve {
  let read: ArrayLike<number> | undefined;
  return { ...curve, values: () => read ??= curve.values() };
}

/** What a person should know of it, where the spectral axis was found so. */
export function pairedNote({ name = "" }: DescribedAxis): string {
  return `The spectral axis is taken from ${name}, the one curve beside it of that length`;
}
