import type { DescribedAxis } from "../../axes.ts";
import { smallNumbers } from "../hdf5_array.ts";
import { attributeNumber, attributeText } from "../hdf5_attributes.ts";
import type { Hdf5Context, Hdf5Dialect } from "../hdf5_dialect.ts";
import { arrayClaim } from "./array_claim.ts";

/**
 * Berkeley EMD: groups marked by `emd_group_type` with `data` and one vector `dim1`, `dim2`, … for each dimension.
 * Source: https://emdatasets.com/format/
 */
export const berkeleyEmd: Hdf5Dialect = {
  format: "emd",
  claims(context) {
    const { file, tree } = context;
    return tree.datasets.flatMap((dataset) => {
      const group = dataset.path.replace(/\/data$/, "");
      if (group === dataset.path || !tree.groups.includes(group)) return [];
      if (attributeNumber(file, group, "emd_group_type") === undefined) return [];
      const axes = dataset.shape.map((_, axis) => describeAxis(context, `${group}/dim${axis + 1}`));
      const unit = attributeText(file, dataset.path, "units") ?? "";
      return [arrayClaim(context, dataset, { format: "emd", axes, quantity: "", unit, rank: 0 })];
    });
  },
};

function describeAxis({ file, datasets }: Hdf5Context, path: string): DescribedAxis {
  const vector = datasets.get(path);
  if (!vector) return {};
  // Units are written in brackets, powers with an underscore: [n_m].
  const unit = attributeText(file, path, "units")?.replace(/^\[(.*)\]$/, "$1").replaceAll("_", "");
  return { name: attributeText(file, path, "name"), unit, values: smallNumbers(file, vector) };
}
