import { arrayClaim } from "./array_claim.ts";
import { type Curve, lazyCurve, pairedAxes } from "../../paired_axes.ts";
import { attributeText } from "../hdf5_attributes.ts";
import type { Hdf5Context, Hdf5Dialect } from "../hdf5_dialect.ts";
import { smallNumbers } from "../hdf5_array.ts";

/** Any dataset of a file that follows no known layout: rows, columns, points in the order they are stored. */
export const plainHdf5: Hdf5Dialect = {
  format: "hdf5",
  claims(context) {
    const { file, tree } = context;
    const curvesOf = curvesByGroup(context);
    return tree.datasets.map((dataset) => {
      const text = (name: string) => attributeText(file, dataset.path, name);
      const quantity = text("quantity") ?? "";
      const unit = text("units") ?? text("unit") ?? "";
      const axes = pairedAxes(dataset.shape, curvesOf(dataset.path));
      return arrayClaim(context, dataset, { format: "hdf5", quantity, unit, rank: 0, axes, isPaired: true });
    });
  },
};

/**
 * MATLAB 7.3 files, which are HDF5. MATLAB stores column by column, so the axes stand in reverse: `A(rows, cols, points)`
 * is found as points x cols x rows.
 */
export const matlabHdf5: Hdf5Dialect = {
  format: "matlab",
  claims(context) {
    const curvesOf = curvesByGroup(context);
    return context.tree.datasets.flatMap((dataset) => {
      if (attributeText(context.file, dataset.path, "MATLAB_class") === undefined) return [];
      const axes = pairedAxes([...dataset.shape].reverse(), curvesOf(dataset.path)).reverse();
      const options = { format: "matlab", quantity: "", unit: "", rank: 0, reversed: true, isPaired: true };
      return [arrayClaim(context, dataset, { ...options, axes })];
    });
  },
};

type CurvesOf = (path: string) => Curve[];

/** The curves in the group of a dataset, each group looked at once. */
function curvesByGroup({ file, tree }: Hdf5Context): CurvesOf {
  const groups = new Map<string, Curve[]>();
  for (const dataset of tree.datasets) {
    const { path, shape, element } = dataset;
    const lengths = shape.filter((length) => length !== 1);
    if (element.scalar === undefined || element.scalar.kind === "complex" || lengths.length !== 1) continue;
    const [group, name] = [groupOf(path), path.slice(groupOf(path).length)];
    const unit = attributeText(file, path, "units") ?? attributeText(file, path, "unit");
    const values = () => smallNumbers(file, dataset) ?? [];
    const curve = lazyCurve({ name, unit, length: lengths[0], values });
    groups.set(group, [...(groups.get(group) ?? []), curve]);
  }
  return (path) => groups.get(groupOf(path)) ?? [];
}

function groupOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}
