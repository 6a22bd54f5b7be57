import { LoopscopeError } from "../../lib/base/errors.ts";
import { isNdArray, type NdArray, type ResultTree } from "../../lib/base/nd_array.ts";
import { modelParamsSchema, noParamsSchema, versionParamsSchema } from "../../lib/schemas/paths.ts";
import { noQuerySchema } from "../../lib/schemas/queries.ts";
import type { Caller, ModelView } from "../../lib/service/services.ts";
import type { AppDeps } from "../context.ts";
import { type App, declare, json, ref } from "../openapi/declare_route.ts";
import { INFER_EXAMPLE } from "../openapi/examples.ts";
import { holdResponse } from "../response/response_backpressure.ts";
import { inferResponse, type OutputChoice } from "../response/infer_response.ts";
import { chooseOutputs, type Input, LENGTH_HEADER, readInfer, readInput } from "../request/infer_request.ts";
import { mountUnsupportedExtensions } from "./unsupported_extensions.ts";
import { requireReady } from "./system.ts";

const TAG = "Open Inference Protocol v2";
const BINARY = { type: "string", format: "binary" };

/** `/v2`: the Open Inference Protocol with the binary tensor extension. */
export function mountInference(app: App, deps: AppDeps): void {
  const nothing = { method: "get", tag: TAG, params: noParamsSchema, query: noQuerySchema } as const;
  const { version } = deps.settings;
  const metadata = () => Response.json({ name: "loopscope", version, extensions: ["binary_tensor_data"] });
  declare(app, deps, {
    ...nothing,
    path: "/v2",
    summary: "Server metadata",
    scope: "open",
    responses: { 200: { description: "Name, version, extensions", content: json("ServerMetadata") } },
  }, metadata);
  app.get("/v2/", (c) => { // the form in the OpenAPI document of the protocol
    c.set("route", "/v2");
    return metadata();
  });
  declare(app, deps, {
    ...nothing,
    path: "/v2/health/live",
    summary: "Whether the process is up",
    scope: "open",
    responses: { 200: { description: "It is", content: json("Live", { live: true }) } },
  }, () => Response.json({ live: true }));
  declare(app, deps, {
    ...nothing,
    path: "/v2/health/ready",
    summary: "Whether the service is ready for inference",
    scope: "open",
    responses: { 200: { description: "It is", content: json("Ready", { ready: true }) } },
  }, () => {
    requireReady(deps);
    return Response.json({ ready: true });
  });
  declare(app, deps, {
    ...nothing,
    method: "post",
    path: "/v2/repository/index",
    summary: "Every version of every model, ready all of them",
    scope: "read",
    responses: { 200: { description: "Versions", content: json("RepositoryIndex") } },
  }, async () => Response.json(await repositoryIndex(deps)));
  mountModel(app, deps, "/v2/models/{name}", modelParamsSchema);
  mountModel(app, deps, "/v2/models/{name}/versions/{version}", versionParamsSchema);
  mountUnsupportedExtensions(app);
}

function mountModel(
  app: App,
  deps: AppDeps,
  path: string,
  params: typeof modelParamsSchema | typeof versionParamsSchema,
): void {
  const { models } = deps.services;
  const one = { tag: TAG, params: params as typeof modelParamsSchema, query: noQuerySchema, errors: [404] };
  const versionOf = (given: { name: string; version?: string }) => given.version ?? "latest";
  declare(app, deps, {
    ...one,
    method: "get",
    path,
    summary: "Model metadata: inputs and outputs",
    scope: "read",
    responses: { 200: { description: "Tensors", content: json("ModelMetadata") } },
  }, async ({ params }) => {
    const view = await models.version(params.name, versionOf(params));
    return Response.json(metadataOf(view, (await models.get(params.name)).versions));
  });
  declare(app, deps, {
    ...one,
    method: "get",
    path: `${path}/ready`,
    summary: "Whether this model is ready for inference",
    scope: "read",
    responses: { 200: { description: "It is", content: json("ModelReady") } },
  }, async ({ params }) => {
    requireReady(deps);
    const { name } = await models.version(params.name, versionOf(params));
    return Response.json({ name, ready: true });
  });
  declare(app, deps, {
    ...one,
    method: "post",
    path: `${path}/infer`,
    summary: "Infer outputs from one input tensor",
    description: "Inputs `x` (patches or spectra) or, for im2spec, `image` (a whole map); outputs `y` and `latent`. " +
      "The body may be compressed with gzip or deflate.",
    scope: "predict",
    headers: [{
      name: LENGTH_HEADER,
      description: "Bytes of the JSON part where binary tensors follow it",
      schema: { type: "integer", minimum: 1 },
    }],
    body: {
      "application/json": { schema: ref("InferRequest"), example: INFER_EXAMPLE },
      "application/octet-stream": { schema: BINARY },
    },
    responses: {
      200: {
        description: "JSON, or JSON and then the binary tensors",
        content: { ...json("InferResponse"), "application/octet-stream": { schema: BINARY } },
      },
    },
  }, async ({ c, params, caller }) => {
    deps.services.predictions.requireCapacity(caller.id);
    const view = await models.version(params.name, versionOf(params));
    const { request, binary } = await readInfer(c, deps);
    const choices = chooseOutputs(request);
    const input = readInput(request, binary, view);
    const tensors = await infer(deps, { view, input, choices, caller });
    holdResponse(c, Object.fromEntries(choices.map(({ name }) => [name, tensors[name]!])));
    const about = { name: view.name, version: view.version, id: request.id ?? undefined };
    return await inferResponse(about, tensors, { choices, yieldTurn: c.get("yieldTurn") });
  });
}

async function repositoryIndex({ services }: AppDeps) {
  const index: { name: string; version: string; state: "READY"; reason: string }[] = [];
  let cursor: string | undefined;
  do {
    const page = await services.models.list({ limit: 500, cursor });
    for (const { name, versions } of page.items) {
      for (const version of versions) index.push({ name, version: String(version), state: "READY", reason: "" });
    }
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return index;
}

function metadataOf({ name, network }: ModelView, versions: number[]) {
  const { direction, window, points, latent } = network;
  const patch = [-1, window, window];
  const tensor = (tensorName: string, shape: number[]) => ({ name: tensorName, datatype: "FP32", shape });
  const toSpectra = direction === "im2spec";
  return {
    name,
    versions: versions.map(String),
    platform: `loopscope_${direction}`,
    inputs: toSpectra ? [tensor("x", patch), tensor("image", [-1, -1])] : [tensor("x", [-1, points])],
    outputs: [tensor("y", toSpectra ? [-1, points] : patch), tensor("latent", [-1, latent])],
  };
}

interface Inference {
  view: ModelView;
  input: Input;
  choices: OutputChoice[];
  caller: Caller;
}

async function infer({ services }: AppDeps, { view, input, choices, caller }: Inference) {
  const { predictions } = services;
  const version = String(view.version);
  if (input.name === "x" && choices.every(({ name }) => name === "latent")) {
    const encoded = await predictions.encode(view.name, version, input.array, caller);
    return { y: undefined, latent: arrayAt(encoded, "latents") };
  }
  const request = input.name === "image" ? { image: input.array } : { inputs: input.array };
  const predicted = await predictions.predict(view.name, version, request, caller);
  return { y: arrayAt(predicted, "outputs"), latent: arrayAt(predicted, "latents") };
}

function arrayAt(tree: ResultTree, key: string): NdArray {
  const found = typeof tree === "object" && tree !== null && !isNdArray(tree) && !Array.isArray(tree)
    ? tree[key]
    : null;
  if (isNdArray(found)) return found;
  throw new LoopscopeError("internal", "internal_error", `A prediction has no array ${key}; expected one`);
}
