import { blockSize } from "./evaluation/block_scores.ts";
import { unstandardise } from "../cube/scale.ts";
import type { TrainRequest } from "../schemas/job.ts";
import type { Scaler, Standardiser } from "../schemas/model.ts";
import type { TrainingCube } from "./training_cubes.ts";
import {
  buildTrainingData,
  type Continued,
  type CubePart,
  type PairSet,
  type TrainingData,
  wholeTestSet,
} from "./training_data.ts";

export interface JointOptions {
  /** What is taken over from the model that the training continues from, for a cube. */
  continued: (cube: TrainingCube) => Continued | undefined;
  /** Place of the cube that is not trained on and is all tested on. */
  leftOut?: number;
}

/**
 * The pairs of one or several cubes, each split and standardised by itself. Cubes lie one below the other on a common grid,
 * more than a window apart and in whole blocks, so that spatial folds and blocks of scores hold pixels of one area each.
 * Throws what `buildTrainingData` throws.
 */
export function buildJointData(
  cubes: readonly TrainingCube[],
  request: TrainRequest,
  { continued, leftOut }: JointOptions,
): TrainingData {
  const parts = cubes.flatMap((each, cube) => {
    if (cube === leftOut) return [];
    const own = { ...request, region: each.region };
    return [{ cube, data: buildTrainingData(each.cube, own, continued(each), cubes.length) }];
  });
  if (cubes.length === 1) return parts[0].data;
  const cols = Math.max(...cubes.map(({ cube }) => cube.shape[1]));
  const row0s = firstRows(cubes, request.window);
  const place = (pairs: PairSet, k: number): PairSet => {
    const own = cubes[k].cube.shape[1];
    return { ...pairs, pixels: pairs.pixels.map((pixel) => (row0s[k] + Math.floor(pixel / own)) * cols + pixel % own) };
  };
  const join = (name: "train" | "test" | "guard" | "calibration") =>
    joined(parts.map(({ cube, data }) => place(data[name], cube)));
  const scaler = meanScaler(parts.map(({ data }) => data.scaler));
  const joint: TrainingData = {
    ...parts[0].data,
    cols,
    parts: parts.map(({ cube, data }) => ({ ...data.parts[0], cube, row0: row0s[cube] })),
    scaler,
    train: join("train"),
    test: join("test"),
    guard: join("guard"),
    guardWeight_NO: concatenated(parts.map(({ data }) => data.guardWeight_NO)),
    calibration: join("calibration"),
  };
  if (leftOut === undefined) return joint;
  const { cube } = cubes[leftOut];
  const test = wholeTestSet(cube, request, scaler, continued(cubes[leftOut]));
  const [rows, columns] = cube.shape;
  const part: CubePart = {
    ...{ cube: leftOut, row0: row0s[leftOut], rows, region: { row: 0, col: 0, rows, cols: columns }, scaler },
    ...{ trainPixels: 0, testPixels: test.pixels.length },
  };
  return {
    ...joint,
    test: place(test, leftOut),
    parts: [...joint.parts.map((other) => ({ ...other, testPixels: 0 })), part],
  };
}

/** Each cube begins a block of scored pixels, two windows or more below the one before. */
function firstRows(cubes: readonly TrainingCube[], window: number): number[] {
  const block = blockSize(window);
  let next = 0;
  return cubes.map(({ cube }) => {
    const row0 = next;
    next = Math.ceil((row0 + cube.shape[0] + 2 * window) / block) * block;
    return row0;
  });
}

function joined(sets: readonly PairSet[]): PairSet {
  const pixels = new Int32Array(sets.reduce((sum, set) => sum + set.pixels.length, 0));
  let at = 0;
  for (const set of sets) {
    pixels.set(set.pixels, at);
    at += set.pixels.length;
  }
  return {
    pixels,
    input_NI: concatenated(sets.map(({ input_NI }) => input_NI)),
    target_NO: concatenated(sets.map(({ target_NO }) => target_NO)),
  };
}

function concatenated(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}

/** Mean of the means, and root mean square of the deviations: what differs between cubes is no deviation. */
function meanScaler(scalers: readonly Scaler[]): Scaler {
  const [input, output] = (["input", "output"] as const).map((side) =>
    meanStandardiser(scalers.map((each) => each[side]))
  );
  return { input, output };
}

function meanStandardiser(all: readonly Standardiser[]): Standardiser {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value / values.length, 0);
  const [{ mean: first }] = all;
  const at = (of: (each: Standardiser) => number | number[], s: number) =>
    all.map((each) => [of(each)].flat()).map((values) => values[s % values.length]);
  const length = Math.max(...all.map(({ mean, std }) => Math.max([mean].flat().length, [std].flat().length)));
  const moments = Array.from({ length }, (_, s) => ({
    mean: mean(at((each) => each.mean, s)),
    std: Math.sqrt(mean(at((each) => each.std, s).map((std) => std ** 2))),
  }));
  if (typeof first === "number") return moments[0];
  return { mean: moments.map(({ mean }) => mean), std: moments.map(({ std }) => std) };
}

/** Standardised outputs of pixels of the common grid in the units of their cubes. */
export function physicalOutputs(
  { parts, cols }: TrainingData,
  pixels: Int32Array,
  values_NO: Float32Array,
): Float32Array {
  return physical(parts, { pixels, cols, values: values_NO, side: "output" });
}

/** Standardised inputs of pixels of the common grid in the units of their cubes. */
export function physicalInputs({ parts, cols }: TrainingData, { pixels, input_NI }: PairSet): Float32Array {
  return physical(parts, { pixels, cols, values: input_NI, side: "input" });
}

interface GridValues {
  pixels: Int32Array;
  cols: number;
  /** One row a pixel. */
  values: Float32Array;
  side: keyof Scaler;
}

function physical(parts: readonly CubePart[], { pixels, cols, values, side }: GridValues): Float32Array {
  if (parts.length === 1) return unstandardise(values, parts[0].scaler[side]);
  const size = values.length / pixels.length;
  const result = new Float32Array(values.length);
  for (let first = 0, last = 0; first < pixels.length; first = last) {
    const part = partAt(parts, pixels[first], cols);
    while (last < pixels.length && partAt(parts, pixels[last], cols) === part) last++;
    result.set(unstandardise(values.subarray(first * size, last * size), part.scaler[side]), first * size);
  }
  return result;
}

/** The cube's part that a pixel of the common grid lies in. */
export function partAt(parts: readonly CubePart[], pixel: number, cols: number): CubePart {
  const row = Math.floor(pixel / cols);
  return parts.find(({ row0, rows }) => row >= row0 && row < row0 + rows)!;
}
