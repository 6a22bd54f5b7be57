import { unprocessable } from "../../base/errors.ts";
import { sameAxisValues } from "../../cube/resample_axis.ts";
import type { Axis } from "../../schemas/cube.ts";
import type { ModelManifest } from "../../schemas/model.ts";

/**
 * Throws `axis_mismatch` where a cube's spectral axis is not the one a model was trained on: another number of points, or
 * values that differ by more than a thousandth of the range. A model without an axis (imported) asks for the points alone.
 */
export function checkAxis(
  manifest: Pick<ModelManifest, "name" | "version" | "network" | "axis">,
  cube: { axes: { spectral: Axis } },
): void {
  const { axis, network } = manifest;
  const met: Axis = cube.axes.spectral;
  if (met.values.length === network.points && (!axis || sameAxisValues(axis.values, met.values))) return;
  const wanted = axis ? summary(axis) : `${network.points} points`;
  throw unprocessable(
    "axis_mismatch",
    `Model ${manifest.name}@${manifest.version} was trained on ${wanted}; the cube has ${summary(met)}`,
  );
}

function summary(axis: Axis): string {
  const { low, high } = rangeOf(axis.values);
  const unit = axis.unit ? ` ${axis.unit}` : "";
  const number = (x: number) => Number(x.toPrecision(4));
  return `${axis.values.length} points of ${axis.name || "an unnamed axis"} from ${number(low)} to ${
    number(high)
  }${unit}, ` +
    `starting at ${axis.values.slice(0, 3).map(number).join(", ")}`;
}

function rangeOf(values: readonly number[]): { low: number; high: number } {
  return {
    low: values.reduce((least, v) => Math.min(least, v), Infinity),
    high: values.reduce((most, v) => Math.max(most, v), -Infinity),
  };
}
