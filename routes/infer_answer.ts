import type { DType, NdArray } from "../lib/base/nd_array.ts";
import { jsonPieces } from "./json_pieces.ts";

export interface OutputChoice {
  name: "y" | "latent";
  /** As bytes after the JSON rather than as numbers in it. */
  binary: boolean;
}

const DATATYPES: Record<DType, string> = { float32: "FP32", float64: "FP64", int32: "INT32", uint8: "UINT8" };

/** The answer to an inference: JSON, followed by those tensors that were wanted as bytes. */
export function inferAnswer(
  about: { name: string; version: number; id?: string },
  tensors: Record<"y" | "latent", NdArray | undefined>,
  choices: OutputChoice[],
): Response {
  const chosen = choices.map(({ name, binary }) => ({ name, binary, array: tensors[name]! }));
  const head = JSON.stringify({ model_name: about.name, model_version: String(about.version), id: about.id });
  const bytes = new TextEncoder().encode(`${head.slice(0, -1)},"outputs":[${chosen.map(outputText).join(",")}]}`);
  const binaries = chosen.filter(({ binary }) => binary).map(({ array }) => bytesOf(array));
  if (binaries.length === 0) return new Response(bytes, { headers: { "Content-Type": "application/json" } });
  const headers = {
    "Content-Type": "application/octet-stream",
    "Inference-Header-Content-Length": String(bytes.length),
  };
  return new Response(new Blob([bytes, ...binaries]), { headers });
}

function outputText({ name, binary, array }: OutputChoice & { array: NdArray }): string {
  const about = JSON.stringify({ name, datatype: DATATYPES[array.dtype], shape: array.shape });
  const size = JSON.stringify({ binary_data_size: array.data.byteLength });
  return `${about.slice(0, -1)},${binary ? `"parameters":${size}` : `"data":${dataText(array)}`}}`;
}

/** The numbers of an array as a JSON list. */
function dataText(array: NdArray): string {
  const text = [...jsonPieces(array)].join("");
  return text.slice(text.indexOf('"data":') + '"data":'.length, -1);
}

function bytesOf({ data }: NdArray): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}
