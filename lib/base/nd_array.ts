export type DType = "float32" | "float64" | "int32" | "uint8";
export type NumericArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** A dense row-major array with its shape. Missing values are NaN (float types only). */
export interface NdArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: NumericArray;
}

/** JSON whose leaves may be arrays: what a use case returns and a route renders as JSON, NPY or NPZ. */
export type ResultTree = NdArray | string | number | boolean | null | undefined | ResultTree[] | {
  [key: string]: ResultTree;
};

export function isNdArray(value: unknown): value is NdArray {
  return typeof value === "object" && value !== null && "dtype" in value && "shape" in value &&
    ArrayBuffer.isView((value as NdArray).data);
}

/** Number of elements of a shape; 1 for a scalar's empty shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Wraps a typed array; throws RangeError when the shape does not hold exactly its elements. */
export function ndArray(data: NumericArray, shape: readonly number[]): NdArray {
  if (sizeOf(shape) !== data.length) {
    throw new RangeError(`Shape [${shape}] holds ${sizeOf(shape)} elements, the data has ${data.length}`);
  }
  const dtype = data instanceof Float32Array
    ? "float32"
    : data instanceof Float64Array
    ? "float64"
    : data instanceof Int32Array
    ? "int32"
    : "uint8";
  return { dtype, shape, data };
}
