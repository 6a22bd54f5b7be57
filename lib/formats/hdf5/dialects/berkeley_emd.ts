import { type DescribedAxis, uniformValues } from "../../axes.ts";
import { smallNumbers } from "../hdf5_array.ts";
import { attributeNumber, attributeText } from "../hdf5_attributes.ts";
import type { Hdf5Context, Hdf5Dialect } from "../hdf5_dialect.ts";
import { arrayClaim } from "./array_claim.ts";

/** The vectors of the dimensions, beside the array. */
const DIMENSION = /\/dim\d+$/;

/**
 * Berkeley EMD: groups marked by `emd_group_type` with an array and one vector for each dimension, `dim1`, `dim2`, … or,
 * from version 1.0 on, `dim0`, `dim1`, …, which may be its first two values alone.
 * Source: https://emdatasets.com/format/
 */
export const berkeleyEmd: Hdf5Dialect = {
  format: "emd",
  claims(context) {
    const { file, tree, datasets } = context;
    return tree.datasets.flatMap((dataset) => {
      const group = dataset.path.replace(/\/[^/]*$/, "");
      if (DIMENSION.test(dataset.path) || !tree.groups.includes(group)) return [];
      const type = attributeNumber(file, group, "emd_group_type") ?? attributeText(file, group, "emd_group_type");
      if (type === undefined) return [];
      const first = datasets.has(`${group}/dim0`) ? 0 : 1;
      const axes = dataset.shape.map((length, axis) => describeAxis(context, `${group}/dim${axis + first}`, length));
      const unit = attributeText(file, dataset.path, "units") ?? "";
      return [arrayClaim(context, dataset, { format: "emd", axes, quantity: "", unit, rank: 0 })];
    });
  },
};

function describeAxis({ file, datasets }: Hdf5Context, path: string, length: number): DescribedAxis {
  const vector = datasets.get(path);
  if (!vector) return {};
  // Units are written in brackets, powers with an underscore: [n_m].
  const unit = attributeText(file, path, "units")?.replace(/^\[(.*)\]$/, "$1").replaceAll("_", "");
  const listed = smallNumbers(file, vector);
  const values = listed?.length === 2 && length > 2 ? uniformValues(listed[0], listed[1] - listed[0], length) : listed;
  return { name: attributeText(file, path, "name"), unit, values };
}
