import { arrayClaim } from "./array_claim.ts";
import type { DescribedAxis } from "./described_array.ts";
import { attributeText } from "./hdf5_attributes.ts";
import { smallNumbers } from "./hdf5_array.ts";
import type { Hdf5Context, Hdf5Dialect } from "./hdf5_dialect.ts";
import type { Hdf5Dataset } from "./hdf5_file.ts";

/** Any dataset of a file that follows no known layout: rows, columns, points in the order they are stored. */
export const plainHdf5: Hdf5Dialect = {
  format: "hdf5",
  claims(context) {
    const { file, tree } = context;
    return tree.datasets.map((dataset) => {
      const quantity = attributeText(file, dataset.path, "quantity") ?? "";
      const unit = attributeText(file, dataset.path, "units") ?? attributeText(file, dataset.path, "unit") ?? "";
      const axes: DescribedAxis[] = dataset.shape.map(() => ({}));
      const notes: string[] = [];
      const last = dataset.shape.length - 1;
      const scale = last >= 2 ? pairedScale(context, dataset, dataset.shape[last]) : undefined;
      if (scale) {
        axes[last] = describe(context, scale);
        notes.push(`The spectral axis is taken from ${scale.path}, the one array beside it of that length`);
      }
      return arrayClaim(context, dataset, { format: "hdf5", axes, quantity, unit, rank: 0, notes });
    });
  },
};

/** The one curve in the dataset's own group that has a value for each step. */
function pairedScale({ tree }: Hdf5Context, { path }: Hdf5Dataset, points: number): Hdf5Dataset | undefined {
  const group = path.slice(0, path.lastIndexOf("/") + 1);
  const curves = tree.datasets.filter((other) =>
    other.path.startsWith(group) && !other.path.slice(group.length).includes("/") && other.element.scalar &&
    Math.max(1, ...other.shape) === points && other.shape.filter((length) => length !== 1).length === 1
  );
  return curves.length === 1 ? curves[0] : undefined;
}

function describe({ file }: Hdf5Context, scale: Hdf5Dataset): DescribedAxis {
  return {
    name: scale.path.split("/").at(-1),
    unit: attributeText(file, scale.path, "units") ?? attributeText(file, scale.path, "unit"),
    values: smallNumbers(file, scale),
  };
}
