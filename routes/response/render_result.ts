import { type ResultOrigin, resultPlan } from "../../lib/formats/hdf5/writer/result_plan.ts";
import { writeHdf5 } from "../../lib/formats/hdf5/writer/write_hdf5.ts";
import { npyPieces } from "../../lib/formats/numpy/npy.ts";
import { npzPieces } from "../../lib/formats/numpy/npz.ts";
import { LoopscopeError } from "../../lib/base/errors.ts";
import { isNdArray, type NdArray, ndArray, type ResultTree } from "../../lib/base/nd_array.ts";
import { arraysOf } from "./arrays_of.ts";
import { bytesResponse } from "./bytes_response.ts";
import { csvPieces } from "./csv_pieces.ts";
import { jsonPieces } from "./json_pieces.ts";
import { negotiate } from "./negotiate.ts";
import { streamText } from "./stream_text.ts";

const TYPES = [
  ...["application/json", "application/x-npy", "application/x-npz", "application/octet-stream"] as const,
  ...["application/x-hdf5", "text/csv"] as const,
];
export type ResultType = (typeof TYPES)[number];

export interface RenderOptions {
  status?: number;
  headers?: Record<string, string>;
  /** Path, such as `values`, of the array that is sent where the client asks for a single array. */
  main?: string;
  /** Where the result is from, for HDF5 and CSV. */
  origin?: ResultOrigin;
}

/** The media type that the client asks for; throws 406 where it is not available. */
export function resultTypeOf(accept: string | undefined): ResultType {
  return negotiate(accept, TYPES);
}

/** Renders a result as JSON, one array of it as NPY or raw float32, all of it as NPZ or HDF5, or a table as CSV. */
export function renderResult(type: ResultType, value: ResultTree, options: RenderOptions = {}): Response {
  const headers = { ...options.headers, "Content-Type": type, "Vary": "Accept" };
  const respond = (body: Uint8Array<ArrayBuffer> | ReadableStream, more: Record<string, string> = {}) => {
    const length: Record<string, string> = "length" in body ? { "Content-Length": String(body.length) } : {};
    return new Response(body, { status: options.status ?? 200, headers: { ...headers, ...length, ...more } });
  };
  const respondBytes = (pieces: Uint8Array<ArrayBuffer>[], more: Record<string, string> = {}) =>
    bytesResponse(pieces, { ...headers, ...more }, options.status);
  if (type === "application/json") return respond(streamText(jsonPieces(value)));
  if (type === "text/csv") {
    const { row, col } = options.origin?.axes ?? {};
    const grid = row && col && [row.values.length, col.values.length] as const;
    return respond(streamText(csvPieces(value, grid)), { "Content-Type": "text/csv; charset=utf-8" });
  }
  if (type === "application/x-hdf5") {
    const file = writeHdf5(resultPlan(value, options.origin ?? { attributes: {} }));
    const length = { "Content-Length": String(file.sizeBytes) };
    return respond(ReadableStream.from(file.read(0, file.sizeBytes)), length);
  }
  if (type === "application/x-npz") return respondBytes(npzPieces(collectForNpz(value)));
  const array = mainArray(value, options.main);
  if (type === "application/x-npy") return respondBytes(npyPieces(array));
  const float32 = array.data instanceof Float32Array ? array.data : Float32Array.from(array.data);
  const bytes = new Uint8Array(float32.buffer as ArrayBuffer, float32.byteOffset, float32.byteLength);
  return respondBytes([bytes], { "X-Shape": array.shape.join(","), "X-Dtype": "float32" });
}

function mainArray(value: ResultTree, main: string | undefined): NdArray {
  const arrays = arraysOf(value);
  const found = arrays.find(([path]) => path === main) ?? (arrays.length === 1 ? arrays[0] : undefined);
  if (found) return found[1];
  const names = arrays.map(([path]) => path).join(", ") || "none";
  const message =
    `Received a result that is not one array; expected Accept: application/x-npz or JSON (arrays: ${names})`;
  throw new LoopscopeError("notAcceptable", "not_one_array", message);
}

/** Everything that is not an array is stored as JSON text in the byte array `metadata`. */
function collectForNpz(value: ResultTree): Record<string, NdArray> {
  const arrays = Object.fromEntries(arraysOf(value));
  const rest = JSON.stringify(value, (_key, entry) => isNdArray(entry) ? undefined : entry) ?? "null";
  const bytes = new TextEncoder().encode(rest);
  return { ...arrays, metadata: ndArray(bytes, [bytes.length]) };
}
