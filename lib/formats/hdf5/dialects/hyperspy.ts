import { arrayClaim } from "./array_claim.ts";
import { type DescribedAxis, uniformValues } from "../../axes.ts";
import { smallNumbers } from "../hdf5_array.ts";
import { attributeNumber, attributeNumbers, attributeText } from "../hdf5_attributes.ts";
import type { Hdf5Context, Hdf5Dialect } from "../hdf5_dialect.ts";

/** How HyperSpy writes what is not set. */
const UNSET = /^(_None_|None|<undefined>|b'<undefined>'|)$/;

/**
 * HyperSpy signals, versions 1.2 to 3.3: `/Experiments/NAME/data` with one group `axis-N` for each dimension. Where an
 * axis does not say whether it navigates (1.3), `record_by` and the order decide.
 * Source: https://hyperspy.org/rosettasciio/supported_formats/hspy.html
 */
export const hyperspy: Hdf5Dialect = {
  format: "hyperspy",
  claims(context) {
    const { tree, file } = context;
    return tree.datasets.flatMap((dataset) => {
      const group = dataset.path.replace(/\/data$/, "");
      if (group === dataset.path || !tree.groups.includes(`${group}/axis-0`)) return [];
      const axes = dataset.shape.map((length, axis) => describeAxis(context, `${group}/axis-${axis}`, length));
      if (axes.every(({ role }) => role === undefined)) guessRoles(context, group, axes);
      const signal = `${group}/metadata/Signal`;
      const general = `${group}/metadata/General`;
      const has = (path: string) => tree.groups.includes(path);
      const quantity = has(signal) ? attributeText(file, signal, "quantity") : undefined;
      const title = has(general) ? attributeText(file, general, "title") : undefined;
      const [, name, unit] = /^(.*?)\s*(?:\(([^()]*)\))?$/.exec(set(quantity) ?? "") ?? [];
      const notes = set(title) ? [`Title: ${set(title)}`] : [];
      return [arrayClaim(context, dataset, {
        format: "hyperspy",
        axes,
        quantity: name || "",
        unit: unit ?? "",
        rank: 0,
        isImages: axes.filter(({ role }, i) => role === "spectral" && dataset.shape[i] > 1).length > 1,
        notes,
      })];
    });
  },
};

function describeAxis({ file, tree, datasets }: Hdf5Context, path: string, length: number): DescribedAxis {
  if (!tree.groups.includes(path)) return {};
  const navigate = attributeNumber(file, path, "navigate");
  const axis: DescribedAxis = {
    name: set(attributeText(file, path, "name")),
    unit: set(attributeText(file, path, "units")),
    role: navigate === undefined ? undefined : navigate ? "position" : "spectral",
  };
  // A DataAxis lists its values, as an attribute or beside it; a uniform one has offset and scale.
  const listed = attributeNumbers(file, path, "axis");
  const stored = datasets.get(`${path}/axis`);
  const scale = attributeNumber(file, path, "scale");
  if (listed && listed.length > 1) axis.values = listed;
  else if (stored) axis.values = smallNumbers(file, stored);
  else if (scale !== undefined) axis.values = uniformValues(attributeNumber(file, path, "offset") ?? 0, scale, length);
  return axis;
}

/** `record_by` says "spectrum" or "image": one or two signal axes, which are the last. */
function guessRoles({ file, tree }: Hdf5Context, group: string, axes: DescribedAxis[]): void {
  const signal = `${group}/metadata/Signal`;
  const recordBy = tree.groups.includes(signal) ? attributeText(file, signal, "record_by") : undefined;
  const signalAxes = recordBy === "image" ? 2 : 1;
  axes.forEach((axis, i) => axis.role = i < axes.length - signalAxes ? "position" : "spectral");
}

function set(text: string | undefined): string | undefined {
  return text === undefined || UNSET.test(text) ? undefined : text;
}
