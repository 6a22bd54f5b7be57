import { malformed, unprocessable } from "../../lib/base/errors.ts";
import { type NdArray, ndArray } from "../../lib/base/nd_array.ts";
import { type InferRequest, inferRequestSchema, type TensorParameters } from "../../lib/schemas/inference_v2.ts";
import type { ModelView } from "../../lib/service/services.ts";
import { check, show } from "./validate.ts";
import type { AppContext, AppDeps } from "../context.ts";
import type { OutputChoice } from "../response/infer_response.ts";
import { parseJson } from "./parse_json.ts";
import { bodyBytes } from "./request_body.ts";
import { BinaryData, readTensor } from "./tensor_data.ts";

export const LENGTH_HEADER = "Inference-Header-Content-Length";

export interface Input {
  name: "x" | "image";
  array: NdArray;
}

/** Splits the body into its JSON header and the binary tensors after it. */
export async function readInfer(
  c: AppContext,
  { settings }: AppDeps,
): Promise<{ request: InferRequest; binary: BinaryData }> {
  const bytes = await bodyBytes(c, settings);
  const header = c.req.header(LENGTH_HEADER);
  if (header !== undefined && !/^[0-9]{1,12}$/.test(header)) {
    throw malformed(
      "invalid_header_length",
      `Received ${LENGTH_HEADER} ${header.slice(0, 40)}; expected a whole number`,
    );
  }
  const length = header === undefined ? bytes.length : Number(header);
  if (length > bytes.length) {
    throw malformed(
      "invalid_header_length",
      `Received ${LENGTH_HEADER} ${length}; expected at most the body's ${bytes.length}`,
    );
  }
  const request = check(inferRequestSchema, await parseJson(bytes.subarray(0, length), c.get("yieldTurn")), "body");
  return { request, binary: new BinaryData(bytes.subarray(length)) };
}

/** The one input of a request. Throws `invalid_inputs`, `unknown_tensor` and what `readTensor` throws. */
export function readInput({ inputs }: InferRequest, binary: BinaryData, { network }: ModelView): Input {
  const expected = network.direction === "im2spec" ? ["x", "image"] : ["x"];
  if (inputs.length !== 1) {
    const names = inputs.map(({ name }) => name).join(", ");
    throw unprocessable("invalid_inputs", `Received the inputs ${names}; expected one: ${expected.join(" or ")}`);
  }
  const [input] = inputs;
  if (!expected.includes(input.name)) {
    throw unprocessable("unknown_tensor", `Received the input ${input.name}; expected ${expected.join(" or ")}`);
  }
  const array = withoutChannel(readTensor(input, binary), network);
  binary.end();
  return { name: input.name as Input["name"], array };
}

/** N x 1 x H x W and N x 1 x S, as PyTorch has them, are N x H x W and N x S. */
function withoutChannel(array: NdArray, { direction, window, points }: ModelView["network"]): NdArray {
  const [count, channels, ...rest] = array.shape;
  const own = direction === "im2spec" ? [window, window] : [points];
  return channels === 1 && rest.join() === own.join() ? ndArray(array.data, [count, ...rest]) : array;
}

/**
 * The requested outputs and their encoding; by default all of them as JSON. Unknown parameters are ignored, as other
 * servers of the protocol do, unless the response would differ without them.
 */
export function chooseOutputs({ outputs, parameters }: InferRequest): OutputChoice[] {
  const allBinary = flag(parameters, "binary_data_output") ?? false;
  const requested = outputs?.length ? outputs : [{ name: "y" }, { name: "latent" }];
  return requested.map(({ name, parameters: own }: NonNullable<InferRequest["outputs"]>[number], i) => {
    if (name !== "y" && name !== "latent") {
      throw unprocessable("unknown_tensor", `Received the output ${name}; expected y or latent`);
    }
    if (requested.findIndex((other) => other.name === name) < i) {
      throw unprocessable("repeated_tensor", `Received the output ${name} twice; expected it once`);
    }
    const odd = Object.keys(own ?? {}).find((key) => /^(classification$|shared_memory_)/.test(key));
    if (odd) {
      const message =
        `Received the parameter ${odd} of output ${name}; expected binary_data or none: there is no such extension`;
      throw unprocessable("unsupported_parameter", message);
    }
    return { name, binary: flag(own, "binary_data") ?? allBinary };
  });
}

function flag(parameters: TensorParameters, key: string): boolean | undefined {
  const value = parameters?.[key] ?? undefined;
  if (value === undefined || typeof value === "boolean") return value;
  throw unprocessable("invalid_parameter", `Received the parameter ${key} ${show(value)}; expected true or false`);
}
