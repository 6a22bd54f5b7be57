import type { RouteConfig, z } from "@hono/zod-openapi";
import type { Scope } from "../../lib/schemas/access.ts";
import { type ParameterDoc, parametersOf } from "../../lib/schemas/openapi.ts";
import { type HeaderName, headerRefs } from "./header_docs.ts";

/** A request or response body of one media type. */
export interface ContentDoc {
  schema: { $ref: string } | Record<string, unknown>;
  example?: unknown;
}

/** The response of one status. */
export interface ResponseDoc {
  description: string;
  content?: Record<string, ContentDoc>;
  /** Headers besides those that follow from the status. */
  headers?: readonly HeaderName[];
  /** Follow-up operations, with their parameters as runtime expressions. */
  links?: Record<string, Record<string, string>>;
}

export interface Declaration<P extends z.ZodObject, Q extends z.ZodObject> {
  method: "get" | "post" | "put" | "patch" | "delete";
  /** In OpenAPI form: `/v1/cubes/{id}`. */
  path: string;
  tag: string;
  summary: string;
  description?: string;
  /** The scope that the key needs; `open` needs no key. */
  scope: Scope | "open";
  /** The setting that allows this route to callers without a key on a public demo. */
  publicWith?: "publicUploads" | "publicTraining";
  params: P;
  query: Q;
  headers?: readonly { name: string; description: string; schema: Record<string, unknown>; required?: boolean }[];
  body?: Record<string, ContentDoc>;
  responses: Record<number, ResponseDoc>;
  /** Error statuses of this route, besides those of every route. */
  errors?: readonly number[];
  /** No time limit: streams are limited by idle time instead. */
  untimed?: boolean;
}

/** The OpenAPI description of a route, with everything that follows from its method and its responses. */
export function describeRoute(
  { method, path, tag, summary, ...rest }: Declaration<z.ZodObject, z.ZodObject>,
): RouteConfig {
  const headers = (rest.headers ?? []).map((header): ParameterDoc => ({ required: false, ...header, in: "header" }));
  const idempotency: ParameterDoc = {
    name: "Idempotency-Key",
    in: "header",
    required: false,
    description: "A repeated request with the same key gets the first response again",
    schema: { type: "string", pattern: "^[!-~]{1,255}$" },
  };
  const cached: ParameterDoc = {
    name: "If-None-Match",
    in: "header",
    required: false,
    description: "ETags that the client has; 304 where one of them is current",
    schema: { type: "string" },
  };
  const parameters = [
    ...parametersOf(rest.params, "path"),
    ...parametersOf(rest.query, "query"),
    ...headers,
    ...(rest.responses[304] ? [cached] : []),
    ...(method === "post" ? [idempotency] : []),
  ];
  return {
    method,
    path,
    tags: [tag],
    summary,
    operationId: operationIdOf(method, path),
    ...(rest.description ? { description: rest.description } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(rest.scope === "open" ? { security: [] } : {}),
    "x-scope": rest.scope,
    ...(rest.body ? { request: { body: { required: true, content: rest.body } } } : {}),
    responses: responsesOf({ ...problems(rest), ...rest.responses }, method),
  } as RouteConfig;
}

/** Adds the headers and links that follow from the status. */
function responsesOf(responses: Record<number, ResponseDoc>, method: string) {
  const isCached = responses[304] !== undefined;
  return Object.fromEntries(
    Object.entries(responses).map(([status, { headers = [], links = {}, ...response }]) => {
      const names = [...STATUS_HEADERS[Number(status)] ?? [], ...headers];
      if (isCached && (status === "200" || status === "304")) names.push("ETag", "Cache-Control");
      if (method === "post" && Number(status) < 300) names.push("Idempotency-Replayed");
      const all = { ...(status === "202" ? { get_v1_jobs_id: { id: "$response.body#/id" } } : {}), ...links };
      const linked = Object.entries(all).map(([operationId, parameters]) => [operationId, { operationId, parameters }]);
      const withLinks = linked.length > 0 ? { links: Object.fromEntries(linked) } : {};
      return [status, { ...response, headers: headerRefs(["X-Request-Id", ...names]), ...withLinks }];
    }),
  );
}

const STATUS_HEADERS: Record<number, HeaderName[]> = {
  201: ["Location"],
  202: ["Location"],
  401: ["WWW-Authenticate"],
  429: ["Retry-After"],
  503: ["Retry-After"],
};

/** Error responses: those of every route, and those of this one. */
function problems(
  { errors = [], body }: Pick<Declaration<z.ZodObject, z.ZodObject>, "errors" | "body">,
) {
  const statuses = new Set([...errors, 400, 401, 403, 422, 429, 500, 503]); // a wrong key is refused everywhere
  if (body) { for (const status of [408, 413, 415]) statuses.add(status); }
  const content = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };
  return Object.fromEntries([...statuses].sort().map((status) => [status, { description: TITLES[status], content }]));
}

const TITLES: Record<number, string> = {
  400: "Cannot be parsed",
  401: "A key is needed, or the one given is not known",
  403: "The key, the web page or the host may not do this",
  404: "Not found",
  406: "Not available in that form",
  408: "The body is too slow",
  409: "The state does not allow it",
  412: "It has changed since",
  413: "Too large",
  415: "Unsupported media type or encoding",
  416: "The range starts beyond the end",
  422: "Well-formed but wrong",
  429: "Too many requests",
  460: "The piece does not have its checksum",
  500: "Internal error",
  503: "Busy, starting or draining",
};

/** `get /v1/cubes/{id}/map` -> `get_v1_cubes_id_map`. */
function operationIdOf(method: string, path: string): string {
  return `${method}${path.replace(/[{}]/g, "").replace(/[^a-zA-Z0-9]+/g, "_")}`;
}
