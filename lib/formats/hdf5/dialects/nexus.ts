import { arrayClaim } from "./array_claim.ts";
import type { DescribedAxis } from "../../axes.ts";
import { smallNumbers } from "../hdf5_array.ts";
import { attributeNumber, attributeText, attributeTexts } from "../hdf5_attributes.ts";
import type { Hdf5Claim, Hdf5Context, Hdf5Dialect } from "../hdf5_dialect.ts";
import type { Hdf5Dataset } from "../hdf5_file.ts";

/**
 * NeXus NXdata groups: `@signal` names the values, `@axes` (a list, or one string of names with colons) their axes;
 * the group that the chain of `@default` leads to is the best.
 * Source: https://manual.nexusformat.org/classes/base_classes/NXdata.html
 */
export const nexus: Hdf5Dialect = {
  format: "nexus",
  claims(context) {
    const preferred = defaultGroup(context);
    return context.tree.groups.flatMap((group) => {
      const isData = attributeText(context.file, group, "NX_class") === "NXdata";
      return isData ? claimGroup(context, group, group === preferred ? 1 : 0) : [];
    });
  },
};

function claimGroup(context: Hdf5Context, group: string, rank: number): Hdf5Claim[] {
  const { file } = context;
  const signal = signalOf(context, group);
  if (!signal) return [];
  const names = attributeTexts(file, group, "axes") ?? attributeTexts(file, signal.path, "axes") ?? [];
  const axisNames = names.length === 1
    ? names[0].split(/[:,]/).map((name) => name.replace(/[[\]]/g, "").trim())
    : names;
  const axes = signal.shape.map((_, i) => describeAxis(context, group, axisNames, i));
  const interpretation = attributeText(file, signal.path, "interpretation") ??
    attributeText(file, group, "interpretation");
  if (interpretation === "spectrum") axes[axes.length - 1].role ??= "spectral";
  const isImages = /image/.test(interpretation ?? "");
  const quantity = attributeText(file, signal.path, "long_name") || signal.path.split("/").at(-1) || "";
  const unit = attributeText(file, signal.path, "units") ?? "";
  return [
    arrayClaim(context, signal, {
      format: "nexus",
      axes,
      quantity: withoutUnit(quantity, unit),
      unit,
      rank: isImages ? -1 : rank,
      isImages,
    }),
  ];
}

/** `@default` from the root on, through at most ten groups. */
function defaultGroup({ file, tree }: Hdf5Context): string | undefined {
  let path = "/";
  for (let i = 0; i < 10; i++) {
    const next = attributeText(file, path, "default");
    if (next === undefined) break;
    const child = `${path === "/" ? "" : path}/${next}`;
    if (!tree.groups.includes(child)) break;
    path = child;
  }
  return path;
}

function signalOf(context: Hdf5Context, group: string): Hdf5Dataset | undefined {
  const named = attributeText(context.file, group, "signal");
  if (named !== undefined) return child(context, group, named);
  // Before 2014 the values themselves carried signal=1.
  const prefix = group === "/" ? "/" : `${group}/`;
  return context.tree.datasets.find(({ path }) => {
    if (!path.startsWith(prefix) || path.slice(prefix.length).includes("/")) return false;
    const signal = attributeNumber(context.file, path, "signal") ?? attributeText(context.file, path, "signal");
    return Number(signal) === 1;
  });
}

function describeAxis(context: Hdf5Context, group: string, names: string[], index: number): DescribedAxis {
  const { file } = context;
  // `NAME_indices` says which dimensions an axis goes with; without it the order of @axes does.
  const name = names[index];
  if (!name || name === ".") return {};
  const dataset = child(context, group, name);
  if (!dataset) return { name };
  const unit = attributeText(file, dataset.path, "units") ?? "";
  const longName = attributeText(file, dataset.path, "long_name");
  return { name: withoutUnit(longName || name, unit), unit, values: smallNumbers(file, dataset) };
}

/** A dataset of a group by name, through soft links. */
function child({ file, datasets }: Hdf5Context, group: string, name: string): Hdf5Dataset | undefined {
  try {
    return datasets.get(file.resolve(`${group}/${name}`));
  } catch {
    return undefined;
  }
}

/** `Bias Voltage (volt)` with unit `volt` is `Bias Voltage`. */
function withoutUnit(name: string, unit: string): string {
  const suffix = ` (${unit})`;
  return unit && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}
