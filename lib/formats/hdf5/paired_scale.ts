import type { DescribedAxis } from "../axes.ts";
import { smallNumbers } from "./hdf5_array.ts";
import { attributeText } from "./hdf5_attributes.ts";
import type { Hdf5Context } from "./hdf5_dialect.ts";
import type { Hdf5Dataset } from "./hdf5_file.ts";

/** The one curve in a dataset's own group that has a value for each of its spectral steps, as an axis. */
export function pairedScale(context: Hdf5Context, { path }: Hdf5Dataset, points: number): DescribedAxis | undefined {
  const group = path.slice(0, path.lastIndexOf("/") + 1);
  const curves = context.tree.datasets.filter((other) =>
    other.path.startsWith(group) && !other.path.slice(group.length).includes("/") && isCurve(other, points)
  );
  if (curves.length !== 1) return undefined;
  const [curve] = curves;
  const unit = ["units", "unit"].map((name) => attributeText(context.file, curve.path, name));
  return {
    name: curve.path.slice(group.length),
    unit: unit[0] ?? unit[1],
    values: smallNumbers(context.file, curve),
  };
}

function isCurve({ shape, element }: Hdf5Dataset, points: number): boolean {
  const lengths = shape.filter((length) => length !== 1);
  return element.scalar !== undefined && lengths.length === 1 && lengths[0] === points;
}
