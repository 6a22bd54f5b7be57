import { unprocessable } from "../base/errors.ts";
import { sizeOf } from "../base/nd_array.ts";
import type { DescribedAxis } from "./axes.ts";
import { readComplex } from "./complex_part.ts";
import type { CubeSelection, CubeSource, CubeView, FormatLimits, StoredImage } from "./cube_source.ts";
import { arrayCube, type DescribedArray, isCube } from "./described_array.ts";
import { displayList, displayName } from "./display_name.ts";
import { formatShape } from "./format_shape.ts";
import { imagesOnGrid } from "./image_channels.ts";
import type { NdSource } from "./nd_cube.ts";
import { getterOf, isComplex, isReal, type ReadPart, type ScalarType } from "./scalar_type.ts";

/** An array of a file, with what the file tells of it. */
export interface StoredArray {
  dataset: string;
  shape: number[];
  type: ScalarType;
  axes: DescribedAxis[];
  quantity: string;
  unit: string;
  notes: string[];
  /** Why it is taken for a cube only where it is named, in words: `5 images of 256 x 256`. */
  otherwise?: string;
  /** Its numbers; `part` is given where they are complex. */
  source(part?: ReadPart): NdSource;
}

export interface ArraySourceOptions {
  format: string;
  limits: FormatLimits;
  close(): void;
  /** Images beside the arrays; two-dimensional arrays are found without being named. */
  images?: readonly StoredImage[];
}

const MOST_IMAGE_VALUES = 2 ** 24;

/**
 * A file of arrays as a source of cubes: the largest array with three axes is the cube, those with two axes are images.
 * Opening throws `cube_needed` and `dataset_missing` with what there is, and what `arrayCube` throws.
 */
export function arraySource(arrays: readonly StoredArray[], options: ArraySourceOptions): CubeSource {
  const { format, close } = options;
  const cubes = arrays.filter((array) => array.otherwise === undefined && isCubeArray(array, format))
    .sort((a, b) => sizeOf(b.shape) - sizeOf(a.shape));
  const images = [...(options.images ?? []), ...arrays.flatMap(imageOf)];
  return {
    format,
    candidates: cubes.map(({ dataset, shape, quantity, unit }) => ({ dataset, shape, quantity, unit })),
    images,
    open: ({ dataset, channel, complex }: CubeSelection = {}) => {
      const array = dataset === undefined ? cubes[0] : arrays.find((each) => each.dataset === dataset);
      if (!array) throw noArray(arrays, dataset);
      const others = images.filter((image) => image.dataset !== array.dataset);
      return openArray(array, { ...options, images: others }, { channel, complex });
    },
    close,
  };
}

function openArray(array: StoredArray, options: ArraySourceOptions, { channel, complex }: CubeSelection): CubeView {
  const { format, limits, images = [] } = options;
  if (!isComplex(array.type)) getterOf(array.type);
  const maps: DescribedArray["maps"] = (grid) => imagesOnGrid(images, grid);
  if (!isComplex(array.type)) return arrayCube({ ...describe(array, format), maps }, channel, limits);
  const { note, ...read } = readComplex(complex, array, (part) => array.source(part));
  return arrayCube({ ...describe(array, format), ...read, notes: [...array.notes, note], maps }, channel, limits);
}

function describe(array: StoredArray, format: string): DescribedArray {
  const { dataset, axes, quantity, unit, notes } = array;
  return { format, dataset, source: array.source("magnitude"), axes, quantity, unit, notes };
}

function isCubeArray(array: StoredArray, format: string): boolean {
  return (isReal(array.type) || isComplex(array.type)) && isCube(describe(array, format));
}

function imageOf({ dataset, shape, type, quantity, unit, source }: StoredArray): StoredImage[] {
  const lengths = shape.filter((length) => length > 1);
  if (lengths.length !== 2 || !isReal(type) || sizeOf(lengths) > MOST_IMAGE_VALUES) return [];
  const read = () => source().read(shape.map(() => 0), shape);
  return [{ dataset, rows: lengths[0], cols: lengths[1], quantity, unit, read }];
}

function noArray(arrays: readonly StoredArray[], dataset: string | undefined) {
  const words = arrays.map(({ dataset, shape, otherwise }) =>
    [dataset, otherwise ?? formatShape(shape)].filter(Boolean).join(", ")
  );
  if (dataset !== undefined) {
    const names = displayList(arrays.map((array) => array.dataset).filter(Boolean)) || "one array without a name";
    return unprocessable("dataset_missing", `The file has no array ${displayName(dataset)}, it has ${names}`);
  }
  const wanted = "three axes: rows, columns and spectral steps";
  return unprocessable("cube_needed", `The file holds ${displayList(words, 6) || "no array"}; expected ${wanted}`);
}
