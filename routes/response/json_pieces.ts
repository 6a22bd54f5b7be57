import { isNdArray, type NdArray, type ResultTree } from "../../lib/base/nd_array.ts";

const ELEMENTS_PER_PIECE = 8192;

/**
 * The JSON text of a result in pieces, so that a large one neither blocks other requests nor is held in memory.
 * Arrays are `{dtype, shape, data}`; NaN and infinities are null. float32 is written with the 9 digits that restore
 * it exactly.
 */
export function* jsonPieces(value: ResultTree): Generator<string> {
  if (isNdArray(value)) yield* arrayPieces(value);
  else if (Array.isArray(value)) yield* listPieces(value);
  else if (typeof value === "object" && value !== null) yield* objectPieces(value);
  else yield JSON.stringify(value ?? null);
}

function* objectPieces(value: { [key: string]: ResultTree }): Generator<string> {
  let separator = "{";
  for (const [key, entry] of Object.entries(value)) {
    if (entry === undefined) continue;
    yield `${separator}${JSON.stringify(key)}:`;
    yield* jsonPieces(entry);
    separator = ",";
  }
  yield separator === "{" ? "{}" : "}";
}

function* listPieces(values: ResultTree[]): Generator<string> {
  if (values.every((value) => typeof value === "number")) return yield JSON.stringify(values);
  let separator = "[";
  for (const value of values) {
    yield separator;
    yield* jsonPieces(value);
    separator = ",";
  }
  yield separator === "[" ? "[]" : "]";
}

function* arrayPieces(array: NdArray): Generator<string> {
  yield `{"dtype":"${array.dtype}","shape":${JSON.stringify(array.shape)},"data":`;
  yield* numberPieces(array);
  yield "}";
}

/** The values of an array as a flat JSON list, in pieces. */
export function* numberPieces({ data }: NdArray): Generator<string> {
  yield "[";
  for (let start = 0; start < data.length; start += ELEMENTS_PER_PIECE) {
    const piece = data.subarray(start, start + ELEMENTS_PER_PIECE);
    const numbers = piece instanceof Float32Array ? Array.from(piece, shortest) : Array.from(piece);
    yield (start > 0 ? "," : "") + JSON.stringify(numbers).slice(1, -1);
  }
  yield "]";
}

function shortest(value: number): number {
  return +value.toPrecision(9);
}
