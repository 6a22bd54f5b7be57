import { createRoute, type OpenAPIHono, type z } from "@hono/zod-openapi";
import { LoopscopeError, unprocessable } from "../../lib/base/errors.ts";
import type { ComponentName } from "../../lib/schemas/openapi.ts";
import type { Caller } from "../../lib/service/services.ts";
import { isVisitor, requireScope } from "../middleware/access.ts";
import { check } from "../request/validate.ts";
import type { AppContext, AppDeps, AppEnv } from "../context.ts";
import { type ContentDoc, type Declaration, describeRoute } from "./describe_route.ts";
import { handleIdempotently } from "../middleware/idempotency.ts";

export type App = OpenAPIHono<AppEnv>;

export interface RouteRequest<P, Q> {
  c: AppContext;
  params: P;
  query: Q;
  caller: Caller;
}

type Handler<P, Q> = (request: RouteRequest<P, Q>) => Response | Promise<Response>;

/** `$ref` to a named schema. */
export function ref(name: ComponentName): { $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}

/** Content of type JSON with a named schema. */
export function json(name: ComponentName, example?: unknown): Record<string, ContentDoc> {
  return { "application/json": example === undefined ? { schema: ref(name) } : { schema: ref(name), example } };
}

/**
 * Registers a route: its place in `/openapi.json`, the key's scope, the parsing of path and query, idempotency of POST
 * and a time limit. The handler reads the body itself, since only it knows the size limit.
 */
export function declare<P extends z.ZodObject, Q extends z.ZodObject>(
  app: App,
  deps: AppDeps,
  declaration: Declaration<P, Q>,
  handler: Handler<z.output<P>, z.output<Q>>,
): void {
  const { method, path, scope, publicWith, params, query, untimed } = declaration;
  app.openapi(createRoute(describeRoute(declaration)), async (c: AppContext) => {
    c.set("route", path);
    const invited = publicWith !== undefined && isVisitor(c, deps) && deps.settings[publicWith];
    if (scope !== "open" && !invited) requireScope(c, scope);
    const handle = async () => {
      const request = { c, params: check(params, c.req.param(), "path"), query: check(query, queryOf(c), "query") };
      const idempotencyKey = method === "post" ? c.req.header("idempotency-key") : undefined;
      const who = { id: c.get("callerId"), requestId: c.get("requestId"), idempotencyKey };
      const caller = { ...who, signal: c.get("signal") };
      return await handler({ ...request, caller });
    };
    const once = () => method === "post" ? handleIdempotently(c, deps, handle) : handle();
    return untimed ? await once() : await withTimeLimit(c, deps.settings.requestTimeoutMs, once);
  });
}

function queryOf(c: AppContext): Record<string, string> {
  const entries = Object.entries(c.req.queries());
  for (const [name, values] of entries) {
    if (values.length === 1) continue;
    const message = `received ${values.length} times; expected once`;
    throw unprocessable("invalid_query", `Invalid query: ${name}: ${message}`, { issues: [{ path: name, message }] });
  }
  return Object.fromEntries(entries.map(([name, [value]]) => [name, value]));
}

/** Ends the request with 503 after the time limit, and aborts what it started through the signal. */
async function withTimeLimit(c: AppContext, timeoutMs: number, run: () => Promise<Response>): Promise<Response> {
  const client = c.get("signal");
  const ended = new AbortController();
  const leave = () => ended.abort(client.reason);
  if (client.aborted) leave();
  client.addEventListener("abort", leave, { once: true });
  c.set("signal", ended.signal);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `Received a request of more than ${timeoutMs} ms; expected less: try again or ask for less`;
      const error = new LoopscopeError("unavailable", "request_timeout", message, { retryAfterS: 5 });
      ended.abort(error);
      reject(error);
    }, timeoutMs);
  });
  try {
    return await Promise.race([run(), expired]);
  } finally {
    clearTimeout(timer);
    client.removeEventListener("abort", leave);
  }
}
