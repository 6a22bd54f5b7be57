import type { DescribedAxis } from "../../axes.ts";
import { arrayClaim } from "./array_claim.ts";
import { attributeReferences, attributeText, attributeTexts } from "../hdf5_attributes.ts";
import { smallNumbers } from "../hdf5_array.ts";
import type { Hdf5Context, Hdf5Dialect } from "../hdf5_dialect.ts";
import type { Hdf5Dataset } from "../hdf5_file.ts";

const SCALE_CLASS = "DIMENSION_SCALE";

/**
 * N-dimensional spectroscopy and imaging data: arrays with HDF5 dimension scales, of any name and depth. Scales that
 * are missing or empty leave the index as axis.
 * Source: https://pycroscopy.github.io/pyNSID/nsid.html
 */
export const nsid: Hdf5Dialect = {
  format: "nsid",
  claims(context) {
    const { file, tree } = context;
    return tree.datasets.flatMap((dataset) => {
      const { path, shape } = dataset;
      if (attributeText(file, path, "CLASS") === SCALE_CLASS) return [];
      const scales = attributeReferences(file, path, "DIMENSION_LIST");
      const labels = attributeTexts(file, path, "DIMENSION_LABELS") ?? [];
      const isMain = attributeText(file, path, "main_data_name") !== undefined;
      if (scales.length === 0 && labels.length === 0 && !isMain) return [];
      const axes = shape.map((_, axis) => describeAxis(context, scales[axis], labels[axis]));
      const quantity = attributeText(file, path, "quantity") ?? "";
      const unit = attributeText(file, path, "units") ?? "";
      // sidpy writes images with x first; its own tools show them so.
      const order = { rank: isMain ? 1 : 0, keepsOrder: isMain };
      return [arrayClaim(context, dataset, { format: "nsid", axes, quantity, unit, ...order })];
    });
  },
};

function describeAxis({ file, datasets }: Hdf5Context, path: string | undefined, label: string | undefined) {
  const axis: DescribedAxis = { name: label };
  const scale: Hdf5Dataset | undefined = path === undefined ? undefined : datasets.get(path);
  if (!scale) return axis;
  axis.name = attributeText(file, scale.path, "name") || label || attributeText(file, scale.path, "NAME");
  axis.unit = attributeText(file, scale.path, "units");
  axis.values = smallNumbers(file, scale);
  axis.role = roleOf(attributeText(file, scale.path, "dimension_type"));
  return axis;
}

function roleOf(type: string | undefined): DescribedAxis["role"] {
  if (type === undefined) return undefined;
  if (/spatial/i.test(type)) return "position";
  return /spectral/i.test(type) ? "spectral" : undefined;
}
