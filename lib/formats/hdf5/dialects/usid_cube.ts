import { unprocessable } from "../../../base/errors.ts";
import { axisFrom } from "../../axes.ts";
import { type Channel, checkChannelNames } from "../../channel.ts";
import { checkCubeShape } from "../../cube_shape.ts";
import type { CubeView } from "../../cube_source.ts";
import { displayList, displayName } from "../../display_name.ts";
import type { Hdf5Context } from "../hdf5_dialect.ts";
import type { Hdf5Field } from "../hdf5_type.ts";
import { shoCube } from "../../sho_cube.ts";
import { fieldNames, shoFieldsOf, withoutBrackets } from "../../sho_fit.ts";
import type { UsidMain } from "./usid_ancillary.ts";
import { usidImages } from "./usid_images.ts";
import type { UsidLayout } from "./usid_layout.ts";
import { readUsidRows } from "./usid_values.ts";

const SLAB_VALUES = 2 ** 20;

export interface UsidCubeOptions {
  layout: UsidLayout;
  channel: Channel;
  quantity: string;
  unit: string;
}

/** A USID main dataset as a cube: plain numbers, one field of its records, or piezoresponse from an oscillator fit. */
export function usidCube(
  context: Hdf5Context,
  main: UsidMain,
  mains: readonly UsidMain[],
  { layout, channel, quantity, unit }: UsidCubeOptions,
): CubeView {
  const { dataset, positions, steps } = main;
  const { row, col, spectral } = layout;
  const shape = [row.values.length, col.values.length, layout.columns_S.length] as const;
  checkCubeShape(shape, context.limits);
  const known = [...positions, ...steps].filter(({ values }) => values.length > 1).map(({ name }) => name);
  checkChannelNames(channel, [...known, "spectral", "value", "phase", "r2"]);
  const notes = [...layout.notes];
  const described = {
    row: axisFrom(row, "row", shape[0], notes),
    col: axisFrom(col, "col", shape[1], notes),
    spectral: axisFrom({ ...spectral, values: layout.values_S }, "step", shape[2], notes),
  };
  const slabRows = Math.max(1, Math.min(shape[0], Math.floor(SLAB_VALUES / (shape[1] * shape[2]))));
  const read = (fields: readonly Hdf5Field[], row0: number, rows: number) =>
    readUsidRows(context.file, dataset, layout, fields, [row0, rows]);
  const frame = { format: "usid", dataset: displayName(dataset.path), shape, axes: described, slabRows };
  const images = () => usidImages(context.file, main, mains, layout);
  const sho = shoFieldsOf(dataset.element.fields);
  if (sho && !channel.pairs.has("value")) {
    return { ...frame, ...shoCube(sho, { channel, shape, slabRows, notes, read, images }) };
  }
  const field = fieldOf(main, channel);
  const names = field.name === "" ? { quantity, unit } : fieldNames(field);
  return {
    ...frame,
    quantity: displayName(names.quantity),
    unit: displayName(names.unit),
    notes,
    readRows: (row0, rows) => read([field], row0, rows)[0],
    maps: images,
  };
}

/** The field that `value:NAME` names (with or without its unit), the first one, or the plain number itself. */
function fieldOf({ dataset: { element } }: UsidMain, { pairs }: Channel): Hdf5Field {
  if (element.scalar) return { name: "", type: element.scalar, offset: 0 };
  const asked = pairs.get("value")?.toLowerCase();
  if (asked === undefined) return element.fields[0];
  const found = element.fields.find(({ name }) =>
    name.toLowerCase() === asked || withoutBrackets(name).toLowerCase() === asked
  );
  if (found) return found;
  const names = displayList(element.fields.map(({ name }) => withoutBrackets(name)));
  throw unprocessable("channel_unknown", `Found value:${displayName(asked)}; expected one of ${names}`);
}
