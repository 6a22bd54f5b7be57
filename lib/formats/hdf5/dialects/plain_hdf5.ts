import { arrayClaim } from "./array_claim.ts";
import type { DescribedAxis } from "../../axes.ts";
import { lengthsOfTheirOwn } from "../../infer_roles.ts";
import { displayName } from "../../display_name.ts";
import { attributeText } from "../hdf5_attributes.ts";
import type { Hdf5Context, Hdf5Dialect } from "../hdf5_dialect.ts";
import type { Hdf5Dataset } from "../hdf5_file.ts";
import { pairedScale } from "../paired_scale.ts";

/** Any dataset of a file that follows no known layout: rows, columns, points in the order they are stored. */
export const plainHdf5: Hdf5Dialect = {
  format: "hdf5",
  claims(context) {
    const { file, tree } = context;
    return tree.datasets.map((dataset) => {
      const text = (name: string) => attributeText(file, dataset.path, name);
      const quantity = text("quantity") ?? "";
      const unit = text("units") ?? text("unit") ?? "";
      const scaled = withPairedScale(context, dataset, dataset.shape.length - 1);
      return arrayClaim(context, dataset, { format: "hdf5", quantity, unit, rank: 0, ...scaled });
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
    return context.tree.datasets.flatMap((dataset) => {
      if (attributeText(context.file, dataset.path, "MATLAB_class") === undefined) return [];
      const scaled = withPairedScale(context, dataset, 0);
      const options = { format: "matlab", quantity: "", unit: "", rank: 0, reversed: true };
      return [arrayClaim(context, dataset, { ...options, ...scaled })];
    });
  },
};

function withPairedScale(context: Hdf5Context, dataset: Hdf5Dataset, spectral: number) {
  const axes: DescribedAxis[] = dataset.shape.map(() => ({}));
  const notes: string[] = [];
  const { shape } = dataset;
  const candidates = shape.length > 2 ? [spectral, ...lengthsOfTheirOwn(shape)] : [];
  const found = candidates.find((axis) => pairedScale(context, dataset, shape[axis]) !== undefined);
  const scale = found === undefined ? undefined : pairedScale(context, dataset, shape[found]);
  if (scale && found !== undefined) {
    axes[found] = found === spectral ? scale : { ...scale, role: "spectral" };
    const name = displayName(scale.name ?? "");
    notes.push(`The spectral axis is taken from ${name}, the one curve beside it of that length`);
  }
  return { axes, notes };
}
