import type { ImageChannel } from "../../../cube/cube.ts";
import { attributeText } from "../hdf5_attributes.ts";
import { displayName } from "../../display_name.ts";
import type { Hdf5File } from "../hdf5_file.ts";
import { isReal } from "../../scalar_type.ts";
import type { UsidMain } from "./usid_ancillary.ts";
import type { UsidLayout } from "./usid_layout.ts";
import { readUsidRows } from "./usid_values.ts";

/** Main datasets with one value a position, measured on the same positions: height and the like. */
export function usidImages(
  file: Hdf5File,
  main: UsidMain,
  mains: readonly UsidMain[],
  layout: UsidLayout,
): ImageChannel[] {
  const samePlaces = ({ positions }: UsidMain) =>
    positions.length === main.positions.length &&
    positions.every(({ places }, d) => places.every((place, i) => place === main.positions[d].places[i]));
  const single = mains.filter((other) => other !== main && other.dataset.shape[1] === 1 && samePlaces(other));
  return single.flatMap(({ dataset }) => {
    if (!dataset.element.scalar || !isReal(dataset.element.scalar)) return [];
    const quantity = displayName(attributeText(file, dataset.path, "quantity") ?? "");
    const unit = displayName(attributeText(file, dataset.path, "units") ?? "");
    const rows = layout.row.values.length;
    const field = { type: dataset.element.scalar, offset: 0 };
    const [values] = readUsidRows(file, dataset, { ...layout, columns_S: Int32Array.of(0) }, [field], [0, rows]);
    return [{ name: displayName(dataset.path), quantity, unit, values_HW: Float32Array.from(values) }];
  });
}
