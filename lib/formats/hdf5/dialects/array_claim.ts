import { unprocessable } from "../../../base/errors.ts";
import { arrayCube, type DescribedArray, evidenceOf } from "../../described_array.ts";
import type { DescribedAxis } from "../../axes.ts";
import { readComplex } from "../../complex_part.ts";
import { displayName } from "../../display_name.ts";
import { hdf5Array } from "../hdf5_array.ts";
import type { Hdf5Claim, Hdf5Context } from "../hdf5_dialect.ts";
import type { Hdf5Dataset } from "../hdf5_file.ts";
import { hdf5Images } from "../hdf5_images.ts";
import { type Hdf5Packing, packingOf } from "../hdf5_packing.ts";
import { imagesOnGrid } from "../../image_channels.ts";
import { pairedNote } from "../../paired_axes.ts";
import { formatShape } from "../../format_shape.ts";
import { isComplex, type ReadPart } from "../../scalar_type.ts";

export interface ArrayClaimOptions {
  format: string;
  axes: DescribedAxis[];
  quantity: string;
  unit: string;
  rank: number;
  notes?: string[];
  /** Axes are stored in reverse. */
  reversed?: boolean;
  /** The file marks it as a stack of images. */
  isImages?: boolean;
  /** Rows and columns stay in the file's order. */
  keepsOrder?: boolean;
  /** The axes are curves that lie beside the array. */
  isPaired?: boolean;
}

/** The claim of a dataset that is one plain n-dimensional array. */
export function arrayClaim(context: Hdf5Context, dataset: Hdf5Dataset, options: ArrayClaimOptions): Hdf5Claim {
  const { file, limits } = context;
  const { path, shape, element } = dataset;
  const { format, axes, quantity, unit, rank } = options;
  const { scalar } = element;
  const complex = scalar !== undefined && isComplex(scalar);
  const readable = scalar !== undefined && (complex || scalar.kind !== "complex");
  const array: DescribedArray = {
    format,
    dataset: path,
    source: readable ? hdf5Array(file, dataset, undefined, "magnitude") : { shape, read: () => refuse(dataset) },
    axes,
    quantity,
    unit,
    notes: options.notes ?? [],
    reversed: options.reversed,
    isImages: options.isImages,
    keepsOrder: options.keepsOrder,
    maps: (grid) => imagesOnGrid(hdf5Images(context), grid),
  };
  const evidence = readable ? evidenceOf(array) : undefined;
  const words = formatShape(shape) + (readable ? "" : ` holding ${element.words}`);
  return {
    path,
    dataset: displayName(path),
    shape: options.reversed ? [...shape].reverse() : shape,
    quantity: displayName(quantity),
    unit: displayName(unit),
    // Beside real numbers, complex ones are what these were made from.
    rank: complex ? rank - 0.5 : rank,
    otherwise: evidence ? undefined : words,
    evidence,
    reason: evidence?.reason,
    open(channel, part) {
      if (!readable) refuse(dataset);
      if (complex) {
        const open = (part: ReadPart) => hdf5Array(file, dataset, undefined, part);
        const { note, ...read } = readComplex(part, { quantity, unit }, open);
        return arrayCube({ ...array, ...read, notes: [...array.notes, note] }, channel, limits);
      }
      const packing = packingOf(file, path);
      const notes = packing ? [...array.notes, wordsForPacking(packing)] : array.notes;
      const view = arrayCube({ ...array, notes }, channel, limits);
      const scale = axes.find(({ name }) => name && displayName(name) === view.axes.spectral.name);
      return options.isPaired && scale ? { ...view, notes: [pairedNote(scale), ...view.notes] } : view;
    },
  };
}

function wordsForPacking({ scale, offset, missing }: Hdf5Packing): string {
  const none = missing.length > 0 ? `, ${missing.join(" and ")} for none` : "";
  return `Values are stored packed: stored x ${scale} + ${offset}${none}`;
}

function refuse({ path, element }: Hdf5Dataset): never {
  throw unprocessable("not_numeric", `${displayName(path)} holds ${element.words}; expected numbers`);
}
