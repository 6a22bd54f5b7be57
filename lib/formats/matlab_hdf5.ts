import { arrayClaim } from "./array_claim.ts";
import type { DescribedAxis } from "./described_array.ts";
import { attributeText } from "./hdf5_attributes.ts";
import type { Hdf5Dialect } from "./hdf5_dialect.ts";

/**
 * MATLAB 7.3 files, which are HDF5. MATLAB stores column by column, so the axes stand in reverse: `A(rows, cols, points)`
 * is found as points x cols x rows.
 */
export const matlabHdf5: Hdf5Dialect = {
  format: "matlab",
  claims(context) {
    return context.tree.datasets.flatMap((dataset) => {
      if (attributeText(context.file, dataset.path, "MATLAB_class") === undefined) return [];
      const axes: DescribedAxis[] = dataset.shape.map(() => ({}));
      return [
        arrayClaim(context, dataset, { format: "matlab", axes, quantity: "", unit: "", rank: 0, reversed: true }),
      ];
    });
  },
};
