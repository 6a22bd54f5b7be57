import type { DType, NdArray } from "../../lib/base/nd_array.ts";
import type { Yield } from "../../lib/base/scheduler.ts";
import { numberPieces } from "./json_pieces.ts";
import { streamText } from "./stream_text.ts";

export interface OutputChoice {
  name: "y" | "latent";
  /** As bytes after the JSON instead of numbers in it. */
  binary: boolean;
}

interface InferResponse {
  about: { name: string; version: number; id?: string };
  outputs: (OutputChoice & { array: NdArray })[];
}

const DATATYPES: Record<DType, string> = { float32: "FP32", float64: "FP64", int32: "INT32", uint8: "UINT8" };

/**
 * The response to an inference: JSON, followed by the tensors that were requested as bytes. A large one is produced
 * as the client reads it; where bytes follow the JSON, its length is counted first.
 */
export async function inferResponse(
  about: InferResponse["about"],
  tensors: Record<"y" | "latent", NdArray | undefined>,
  { choices, yieldTurn }: { choices: OutputChoice[]; yieldTurn: Yield },
): Promise<Response> {
  const response = { about, outputs: choices.map((choice) => ({ ...choice, array: tensors[choice.name]! })) };
  const binaries = response.outputs.filter(({ binary }) => binary).map(({ array }) => bytesOf(array));
  const text = streamText(textPieces(response));
  if (binaries.length === 0) {
    const length: Record<string, string> = "length" in text ? { "Content-Length": String(text.length) } : {};
    return new Response(text, { headers: { "Content-Type": "application/json", ...length } });
  }
  const textBytes = "length" in text ? text.length : await lengthOf(textPieces(response), yieldTurn);
  const headers = {
    "Content-Type": "application/octet-stream",
    "Content-Length": String(binaries.reduce((sum, { length }) => sum + length, textBytes)),
    "Inference-Header-Content-Length": String(textBytes),
  };
  const body = "length" in text ? new Blob([text, ...binaries]) : ReadableStream.from(join(text, binaries));
  return new Response(body, { headers });
}

/** All ASCII, so that its characters are its bytes. */
function* textPieces({ about: { name, version, id }, outputs }: InferResponse): Generator<string> {
  const head = JSON.stringify({ model_name: name, model_version: String(version), id }).replace(/[^\0-\x7f]/g, escape);
  yield `${head.slice(0, -1)},"outputs":[`;
  for (const [i, { name, binary, array }] of outputs.entries()) {
    const about = JSON.stringify({ name, datatype: DATATYPES[array.dtype], shape: array.shape });
    yield `${i > 0 ? "," : ""}${about.slice(0, -1)},`;
    if (binary) yield `"parameters":${JSON.stringify({ binary_data_size: array.data.byteLength })}`;
    else {
      yield '"data":';
      yield* numberPieces(array);
    }
    yield "}";
  }
  yield "]}";
}

function escape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

async function lengthOf(pieces: Iterable<string>, yieldTurn: Yield): Promise<number> {
  let length = 0;
  for (const piece of pieces) {
    length += piece.length;
    if (piece.length > 1000) await yieldTurn(); // to other requests
  }
  return length;
}

async function* join(text: ReadableStream<Uint8Array<ArrayBuffer>>, binaries: Uint8Array<ArrayBuffer>[]) {
  yield* text;
  yield* binaries;
}

function bytesOf({ data }: NdArray): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}
