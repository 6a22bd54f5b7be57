import { unprocessable } from "../../lib/base/errors.ts";
import type { NdArray, ResultTree } from "../../lib/base/nd_array.ts";
import { decodeNpy } from "../../lib/formats/numpy/npy.ts";
import { noParamsSchema, versionParamsSchema } from "../../lib/schemas/paths.ts";
import {
  decodeOutlineSchema,
  imageOutlineSchema,
  predictOutlineSchema,
  predictQuerySchema,
} from "../../lib/schemas/prediction.ts";
import { check } from "../request/validate.ts";
import type { AppContext, AppDeps } from "../context.ts";
import { type App, declare, ref } from "../openapi/declare_route.ts";
import type { ContentDoc } from "../openapi/describe_route.ts";
import { DECODE_EXAMPLE, ENCODE_EXAMPLE, PREDICT_EXAMPLE } from "../openapi/examples.ts";
import { holdResponse } from "../response/response_backpressure.ts";
import { readArray } from "../request/read_array.ts";
import { readJson, requireType } from "../request/read_json.ts";
import { renderResult, type ResultType, resultTypeOf } from "../response/render_result.ts";
import { bodyBytes, mediaTypeOf } from "../request/request_body.ts";
import { arrayResponses } from "../openapi/result_docs.ts";

const TAG = "Predictions";
const BINARY = { type: "string", format: "binary" };
/** Values of an NPY body: 16 MiB of float32. */
const MAX_ELEMENTS = 2 ** 22;
const NPY_TYPE = /^application\/(x-)?npy$/;

interface Model {
  name: string;
  version: string;
}

/** `/predict` and a model version's `predict`, `encode` and `decode`. */
export function mountPredictions(app: App, deps: AppDeps): void {
  const { predictions } = deps.services;
  const predict = {
    method: "post",
    tag: TAG,
    scope: "predict",
    query: predictQuerySchema,
    body: bodyOf(ref("PredictRequest"), PREDICT_EXAMPLE),
    responses: predictionResponses(
      "Prediction",
      "`{model, version, axis?, outputs, latents, warnings}`, for an image also positions",
    ),
    errors: [404, 406],
  } as const;
  declare(app, deps, {
    ...predict,
    path: "/predict",
    summary: "Predict spectra from patches or patches from spectra",
    description: "In the units that the model was trained on; the model's own scaler is applied inside. " +
      "The body may be compressed with gzip or deflate.",
    params: noParamsSchema,
  }, async ({ c, query, caller }) => {
    const type = resultTypeOf(c.req.header("accept"));
    const { model, inputs } = await readInputs(c, deps, { query, field: "inputs" });
    const { name, version } = parseReference(model);
    return predictionResponse(c, type, await predictions.predict(name, version, inputs, caller), "outputs");
  });

  declare(app, deps, {
    ...predict,
    path: "/v1/models/{name}/versions/{version}/predict",
    summary: "Predict with this version",
    body: bodyOf(ref("PredictRequest"), ENCODE_EXAMPLE),
    params: versionParamsSchema,
  }, async ({ c, params, query, caller }) => {
    const type = resultTypeOf(c.req.header("accept"));
    const { model, inputs } = await readInputs(c, deps, { query, field: "inputs" });
    requireSameModel(model, params);
    return predictionResponse(
      c,
      type,
      await predictions.predict(params.name, params.version, inputs, caller),
      "outputs",
    );
  });
  mountHalves(app, deps);
}

function mountHalves(app: App, deps: AppDeps): void {
  const { predictions } = deps.services;
  const half = { method: "post", tag: TAG, scope: "predict", params: versionParamsSchema, errors: [404, 406] } as const;
  declare(app, deps, {
    ...half,
    path: "/v1/models/{name}/versions/{version}/encode",
    summary: "Only the latent variables",
    query: predictQuerySchema,
    body: bodyOf(ref("EncodeRequest"), ENCODE_EXAMPLE),
    responses: predictionResponses("Encoded", "`{latents}`"),
  }, async ({ c, params, query, caller }) => {
    const type = resultTypeOf(c.req.header("accept"));
    const { model, inputs } = await readInputs(c, deps, { query, field: "inputs" });
    requireSameModel(model, params);
    if (!("inputs" in inputs)) {
      throw unprocessable("image_not_taken", "Received an image; expected patches or spectra to encode");
    }
    return predictionResponse(
      c,
      type,
      await predictions.encode(params.name, params.version, inputs.inputs, caller),
      "latents",
    );
  });

  declare(app, deps, {
    ...half,
    path: "/v1/models/{name}/versions/{version}/decode",
    summary: "Outputs from latent variables",
    query: predictQuerySchema,
    body: bodyOf(ref("DecodeRequest"), DECODE_EXAMPLE),
    responses: predictionResponses("Decoded", "`{outputs}`"),
  }, async ({ c, params, query, caller }) => {
    const type = resultTypeOf(c.req.header("accept"));
    const { model, inputs } = await readInputs(c, deps, { query, field: "latents" });
    requireSameModel(model, params);
    if (!("inputs" in inputs)) throw unprocessable("image_not_taken", "Received an image; expected latents to decode");
    return predictionResponse(
      c,
      type,
      await predictions.decode(params.name, params.version, inputs.inputs, caller),
      "outputs",
    );
  });
}

/** `name@version`; without a version the latest. */
export function parseReference(model: string | undefined): Model {
  if (model === undefined) throw unprocessable("model_missing", "Received no model; expected model: name@version");
  const [name, version = "latest"] = model.split("@");
  return { name, version };
}

interface Read {
  model: string | undefined;
  inputs: { inputs: NdArray } | { image: NdArray };
}

interface HowToRead {
  query: { model?: string; as: "inputs" | "image" };
  field: "inputs" | "latents";
}

async function readInputs(c: AppContext, deps: AppDeps, { query, field }: HowToRead): Promise<Read> {
  deps.services.predictions.requireCapacity(c.get("callerId"));
  if (NPY_TYPE.test(mediaTypeOf(c))) {
    const array = await readNpy(c, deps);
    return { model: query.model, inputs: query.as === "image" ? { image: array } : { inputs: array } };
  }
  requireType(c, /^application\/([a-z0-9.-]+\+)?json$/, "application/json or application/x-npy");
  const body = await readJson(c, deps.settings);
  if (field === "latents") {
    const outline = check(decodeOutlineSchema, body, "body");
    return { model: pickModel(outline.model, query.model), inputs: { inputs: readArray(outline.latents, "latents") } };
  }
  const outline = check(predictOutlineSchema, body, "body");
  return { model: pickModel(outline.model, query.model), inputs: readInputsField(outline.inputs) };
}

function readInputsField(inputs: unknown): Read["inputs"] {
  const isImage = typeof inputs === "object" && inputs !== null && "image" in inputs;
  if (!isImage) return { inputs: readArray(inputs, "inputs") };
  return { image: readArray(check(imageOutlineSchema, inputs, "body").image, "inputs.image") };
}

async function readNpy(c: AppContext, { settings }: AppDeps): Promise<NdArray> {
  const array = decodeNpy(await bodyBytes(c, settings), { maxElements: MAX_ELEMENTS });
  const at = array.data.findIndex((value) => value === Infinity || value === -Infinity);
  if (at >= 0) {
    throw unprocessable("invalid_array", `Received ${array.data[at]} at element ${at}; expected finite numbers`);
  }
  return array;
}

function pickModel(inBody: string | undefined, inQuery: string | undefined): string | undefined {
  if (inBody !== undefined && inQuery !== undefined && inBody !== inQuery) {
    throw unprocessable("model_twice", `Received the models ${inBody} and ${inQuery}; expected one`);
  }
  return inBody ?? inQuery;
}

/** The path of a version already names the model; throws `model_twice` where the body names another. */
function requireSameModel(model: string | undefined, params: Model): void {
  const expected = `${params.name}@${params.version}`;
  if (model === undefined || model === expected || model === params.name) return;
  throw unprocessable("model_twice", `Received the model ${model}; expected ${expected} as in the path, or none`);
}

function predictionResponse(c: AppContext, type: ResultType, value: ResultTree, main: string): Response {
  holdResponse(c, value);
  return renderResult(type, value, { main, headers: { "Cache-Control": "no-store" } });
}

function bodyOf(schema: { $ref: string }, example: unknown): Record<string, ContentDoc> {
  return { "application/json": { schema, example }, "application/x-npy": { schema: BINARY } };
}

function predictionResponses(name: "Prediction" | "Encoded" | "Decoded", description: string) {
  return { 200: arrayResponses(description, name)[200] };
}
