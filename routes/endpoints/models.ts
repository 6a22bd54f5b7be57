import { LoopscopeError, unprocessable } from "../../lib/base/errors.ts";
import { importModelSchema, setAliasSchema } from "../../lib/schemas/model_requests.ts";
import {
  aliasParamsSchema,
  modelParamsSchema,
  newAliasParamsSchema,
  noParamsSchema,
  versionParamsSchema,
} from "../../lib/schemas/paths.ts";
import { importQuerySchema, noQuerySchema, pageQuerySchema } from "../../lib/schemas/queries.ts";
import type { Caller, ModelSummary } from "../../lib/service/services.ts";
import { check } from "../request/validate.ts";
import {
  cacheHeaders,
  type Freshness,
  ifMatchTag,
  notModified,
  requireUnchanged,
  tagOf,
} from "../response/conditional.ts";
import type { AppContext, AppDeps } from "../context.ts";
import { type App, declare, json, ref } from "../openapi/declare_route.ts";
import { parseJson } from "../request/parse_json.ts";
import { readForm } from "../request/read_form.ts";
import { readJson, requireType } from "../request/read_json.ts";
import { bodyStream, mediaTypeOf, readAll } from "../request/request_body.ts";
import { NOT_MODIFIED } from "../openapi/result_docs.ts";

const TAG = "Models";
const MAX_MODEL_JSON_BYTES = 4 * 2 ** 20;
const BINARY = { type: "string", format: "binary" };

const MADE = { name: "$response.body#/name", version: "$response.body#/version" };
const VERSION_LINKS = {
  get_v1_models_name_versions_version: MADE,
  get_v1_models_name_versions_version_weights: MADE,
  delete_v1_models_name_versions_version: MADE,
};

/** `/v1/models`: list, read, download, import, delete. */
export function mountModels(app: App, deps: AppDeps): void {
  const { models } = deps.services;
  declare(app, deps, {
    method: "get",
    path: "/v1/models",
    tag: TAG,
    summary: "List models",
    scope: "read",
    params: noParamsSchema,
    query: pageQuerySchema,
    responses: { 200: { description: "One page", content: json("ModelPage") } },
  }, async ({ query }) => Response.json(await models.list(query)));

  declare(app, deps, {
    method: "post",
    path: "/v1/models",
    tag: TAG,
    summary: "Import a model archive or a PyTorch checkpoint",
    description:
      "An archive (`application/zip`) as `/archive` of any service gives it, under its own name or the one of the query; " +
      "or a form with `model` (JSON) and `weights` (safetensors with the names of published checkpoints).",
    scope: "admin",
    params: noParamsSchema,
    query: importQuerySchema,
    body: {
      "application/zip": { schema: BINARY },
      "multipart/form-data": {
        schema: {
          type: "object",
          required: ["model", "weights"],
          properties: { model: ref("ImportModel"), weights: BINARY },
        },
      },
    },
    responses: { 201: { description: "Stored", content: json("ImportedModel"), links: VERSION_LINKS } },
    errors: [409],
    untimed: true,
  }, async ({ c, query, caller }) => {
    const made = mediaTypeOf(c) === "application/zip"
      ? await importArchive(c, deps, { ...query, caller })
      : await importCheckpoint(c, deps, { ...query, caller });
    const location = `/v1/models/${made.name}/versions/${made.version}`;
    return Response.json(made, { status: 201, headers: { Location: location } });
  });

  declare(app, deps, {
    method: "get",
    path: "/v1/models/{name}",
    tag: TAG,
    summary: "One model: versions and aliases; the ETag serves If-Match when an alias is set",
    scope: "read",
    params: modelParamsSchema,
    query: noQuerySchema,
    responses: { 200: { description: "The model", content: json("ModelSummary") }, 304: NOT_MODIFIED },
    errors: [404],
  }, async ({ c, params }) => {
    const summary = await models.get(params.name);
    return notModified(c, await summaryHeaders(deps, summary)) ?? await summaryResponse(deps, summary);
  });
  mountVersions(app, deps);
  mountAliases(app, deps);
}

function mountVersions(app: App, deps: AppDeps): void {
  const { models } = deps.services;
  const path = "/v1/models/{name}/versions/{version}";
  const one = { tag: TAG, params: versionParamsSchema, query: noQuerySchema, errors: [404] };
  declare(app, deps, {
    ...one,
    method: "get",
    path,
    summary: "One version: network, scaler, training, scores, card",
    scope: "read",
    responses: { 200: { description: "The version", content: json("Model") }, 304: NOT_MODIFIED },
  }, async ({ c, params }) => {
    const body = JSON.stringify(await models.version(params.name, params.version));
    return tagged(c, { tag: tagOf(body), freshness: "revalidate" }, () => body, "application/json");
  });

  declare(app, deps, {
    ...one,
    method: "get",
    path: `${path}/weights`,
    summary: "The weights as safetensors with PyTorch's names",
    scope: "read",
    responses: {
      200: {
        description: "safetensors",
        content: { "application/octet-stream": { schema: BINARY } },
        headers: ["Content-Disposition"],
      },
      304: NOT_MODIFIED,
    },
  }, async ({ c, params: { name, version } }) => {
    const { weights, version: number } = await models.version(name, version);
    const tag = { tag: weights.sha256, freshness: freshnessOf(version) };
    const bytes = async () => await models.weights(name, version) as Uint8Array<ArrayBuffer>;
    const response = await tagged(c, tag, bytes, "application/octet-stream");
    response.headers.set("Content-Disposition", `attachment; filename="${name}-${number}.safetensors"`);
    return response;
  });

  declare(app, deps, {
    ...one,
    method: "get",
    path: `${path}/card`,
    summary: "The model's card",
    scope: "read",
    responses: {
      200: { description: "Markdown", content: { "text/markdown": { schema: { type: "string" } } } },
      304: NOT_MODIFIED,
    },
  }, async ({ c, params: { name, version } }) => {
    const card = await models.card(name, version);
    const tag = { tag: tagOf(card), freshness: freshnessOf(version) };
    return tagged(c, tag, () => card, "text/markdown; charset=utf-8");
  });

  declare(app, deps, {
    ...one,
    method: "delete",
    path,
    summary: "Delete a version that no alias names and no job uses",
    scope: "admin",
    headers: [{ name: "If-Match", description: "The ETag of the version", schema: { type: "string" } }],
    responses: { 204: { description: "Deleted" } },
    errors: [404, 409, 412],
  }, async ({ c, params }) => {
    requireUnchanged(c, tagOf(JSON.stringify(await models.version(params.name, params.version))));
    await models.removeVersion(params.name, params.version);
    return new Response(null, { status: 204 });
  });
}

function mountAliases(app: App, deps: AppDeps): void {
  const { models } = deps.services;
  const path = "/v1/models/{name}/aliases/{alias}";
  const one = {
    path,
    tag: TAG,
    scope: "admin",
    query: noQuerySchema,
    headers: [{ name: "If-Match", description: "The ETag of the model", schema: { type: "string" } }],
    errors: [404, 409, 412],
  } as const;
  declare(app, deps, {
    ...one,
    method: "put",
    summary: "Point an alias to a version",
    description: "`If-None-Match: *` only creates an alias and never moves one.",
    params: newAliasParamsSchema,
    body: json("SetAlias", { version: 1 }),
    responses: { 200: { description: "The model", content: json("ModelSummary"), headers: ["ETag"] } },
  }, async ({ c, params: { name, alias } }) => {
    const { version } = check(setAliasSchema, await readJson(c, deps.settings), "body");
    const ifAbsent = c.req.header("if-none-match")?.trim() === "*";
    const ifMatch = ifMatchTag(c, await models.aliasTag(name));
    return await summaryResponse(deps, await models.setAlias(name, alias, version, { ifMatch, ifAbsent }));
  });

  declare(app, deps, {
    ...one,
    method: "delete",
    summary: "Remove an alias",
    params: aliasParamsSchema,
    responses: { 200: { description: "The model", content: json("ModelSummary"), headers: ["ETag"] } },
  }, async ({ c, params: { name, alias } }) => {
    return summaryResponse(deps, await models.removeAlias(name, alias, ifMatchTag(c, await models.aliasTag(name))));
  });
}

/** A version number is immutable; `latest` and aliases move. */
function freshnessOf(version: string): Freshness {
  return /^[0-9]+$/.test(version) ? "immutable" : "revalidate";
}

async function tagged(
  c: AppContext,
  { tag, freshness }: { tag: string; freshness: Freshness },
  body: () => BodyInit | Promise<BodyInit>,
  contentType: string,
): Promise<Response> {
  const headers = cacheHeaders(tag, freshness);
  return notModified(c, headers) ??
    new Response(await body(), { headers: { ...headers, "Content-Type": contentType, "Vary": "Accept" } });
}

async function summaryResponse(deps: AppDeps, summary: ModelSummary): Promise<Response> {
  return Response.json(summary, { headers: await summaryHeaders(deps, summary) });
}

async function summaryHeaders({ services }: AppDeps, { name }: ModelSummary): Promise<Record<string, string>> {
  return cacheHeaders(await services.models.aliasTag(name), "changing");
}

async function importArchive(
  c: AppContext,
  { services, settings }: AppDeps,
  { name, caller }: { name?: string; caller: Caller },
) {
  const maxBytes = settings.maxImportBytes;
  const bytes = await readAll(c, bodyStream(c, settings, maxBytes));
  return await services.models.importArchive(bytes, { name, maxBytes }, caller);
}

async function importCheckpoint(c: AppContext, deps: AppDeps, { name, caller }: { name?: string; caller: Caller }) {
  const { model, weights } = await readImport(c, deps);
  const about = check(importModelSchema, await parseJson(model, c.get("yieldTurn")), "model");
  return await deps.services.models.import({ ...about, name: name ?? about.name }, weights, caller);
}

async function readImport(c: AppContext, { settings }: AppDeps): Promise<{ model: Uint8Array; weights: Uint8Array }> {
  requireType(c, /^multipart\/form-data$/, "application/zip, or multipart/form-data with the fields model and weights");
  const found: Record<string, Uint8Array> = {};
  for await (const part of readForm(c, settings, settings.maxImportBytes)) {
    if (part.name !== "model" && part.name !== "weights") continue;
    if (found[part.name]) throw unprocessable("field_twice", `Received the field ${part.name} twice; expected it once`);
    found[part.name] = await readAll(c, part.body);
  }
  const { model, weights } = found;
  if (!model || !weights) {
    const received = Object.keys(found).join(", ") || "neither";
    throw unprocessable("field_missing", `Received ${received}; expected the fields model and weights`);
  }
  if (model.length > MAX_MODEL_JSON_BYTES) {
    const message = `Received ${model.length} bytes in the field model; expected at most ${MAX_MODEL_JSON_BYTES}`;
    throw new LoopscopeError("tooLarge", "body_too_large", message);
  }
  return { model, weights };
}
