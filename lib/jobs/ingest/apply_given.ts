import { unprocessable } from "../../base/errors.ts";
import type { CubeView } from "../../formats/cube_source.ts";
import type { Axis, IngestOptions } from "../../schemas/cube.ts";
import type { GivenAxis, GivenPixel } from "../../schemas/given.ts";

type Given = Pick<IngestOptions, "axis" | "quantity" | "unit" | "pixel">;

/**
 * The cube with what was given in place of what its file says, and a note for each. Throws `axis_mismatch` for an axis
 * with another number of values than the spectrum has.
 */
export function applyGiven(view: CubeView, { axis, quantity, unit, pixel }: Given): CubeView {
  const { axes, shape } = view;
  const notes: string[] = [];
  const spectral = axis ? spectralAxis(axis, shape[2]) : axes.spectral;
  if (axis) notes.push(`Spectral axis as given: ${spectral.name}${spectral.unit ? ` in ${spectral.unit}` : ""}`);
  if (quantity !== undefined || unit !== undefined) {
    notes.push(`Quantity as given: ${quantity ?? view.quantity}${unit ? ` in ${unit}` : ""}`);
  }
  if (pixel) notes.push(`Pixel size as given: ${describePixel(pixel)}`);
  if (notes.length === 0) return view;
  const [row, col] = pixel ? positions(pixel, shape) : [axes.row, axes.col];
  const { format, dataset, slabRows } = view;
  return {
    ...{ format, dataset, shape, slabRows },
    axes: { row, col, spectral },
    quantity: quantity ?? view.quantity,
    unit: unit ?? (quantity === undefined ? view.unit : ""),
    notes: [...view.notes, ...notes],
    // A given axis of the right length is evidence enough.
    warnings: axis ? [] : view.warnings,
    readRows: (row0, rows) => view.readRows(row0, rows),
    ...(view.readFailed ? { readFailed: (row0, rows) => view.readFailed!(row0, rows) } : {}),
    maps: () => view.maps(),
  };
}

function spectralAxis(axis: GivenAxis, points: number): Axis {
  const { name, unit } = axis;
  if (!("values" in axis)) {
    const { start, stop } = axis;
    const step = points > 1 ? (stop - start) / (points - 1) : 0;
    return { name, unit, values: Array.from({ length: points }, (_, i) => start + i * step) };
  }
  if (axis.values.length === points) return { name, unit, values: axis.values };
  throw unprocessable(
    "axis_mismatch",
    `The given axis has ${axis.values.length} values; expected ${points}, one for each spectral step`,
  );
}

function positions(pixel: GivenPixel, [rows, cols]: CubeView["shape"]): [row: Axis, col: Axis] {
  const [row, col] = "size" in pixel ? [pixel.size, pixel.size] : [pixel.row, pixel.col];
  const axis = (name: string, step: number, length: number): Axis => {
    return { name, unit: pixel.unit, values: Array.from({ length }, (_, i) => i * step) };
  };
  return [axis("y", row, rows), axis("x", col, cols)];
}

function describePixel(pixel: GivenPixel): string {
  return "size" in pixel ? `${pixel.size} ${pixel.unit}` : `${pixel.row} x ${pixel.col} ${pixel.unit} (row, column)`;
}
