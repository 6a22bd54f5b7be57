import { OpenAPIHono } from "@hono/zod-openapi";
import { cors } from "hono/cors";
import { missing } from "../lib/base/errors.ts";
import { identify } from "./access.ts";
import { allowedMethods } from "./allowed_methods.ts";
import { guardBrowsers } from "./browser_guard.ts";
import type { AppContext, AppDeps, AppEnv } from "./context.ts";
import { mountCubes } from "./cubes.ts";
import type { App } from "./declare.ts";
import { mountDocs } from "./docs.ts";
import { MethodNotAllowed, problemResponse, statusOf } from "./errors.ts";
import { mountInference } from "./inference_v2.ts";
import { mountJobs } from "./jobs.ts";
import { createMetrics } from "./metrics.ts";
import { mountModels } from "./models.ts";
import { observe } from "./observe.ts";
import { mountPredictions } from "./predictions.ts";
import { createRateLimit } from "./rate_limit.ts";
import { mountResults } from "./results.ts";
import { assetResponse } from "./static_assets.ts";
import { mountSystem } from "./system.ts";
import { mountUploads } from "./uploads.ts";

/** The whole HTTP face as `fetch(request, connection)`: parse, call one use case, render. */
export function createApp(deps: AppDeps): App {
  const app: App = new OpenAPIHono<AppEnv>();
  const metrics = deps.metrics ?? createMetrics();
  app.use("*", observe(deps, metrics));
  app.use("*", guardBrowsers(deps));
  if (deps.settings.corsOrigin) app.use("*", allowOrigin(deps.settings.corsOrigin));
  app.use("*", identify(deps, createRateLimit(deps.clock)));
  mountSystem(app, deps, metrics);
  mountCubes(app, deps);
  mountUploads(app, deps);
  mountJobs(app, deps);
  mountModels(app, deps);
  mountPredictions(app, deps);
  mountResults(app, deps);
  mountInference(app, deps);
  mountDocs(app, deps);
  app.onError((error, c) => failed(c, deps, error));
  app.notFound((c) => fallBack(c, app, deps));
  return app;
}

function allowOrigin(origin: string) {
  return cors({
    origin,
    allowMethods: ["GET", "POST", "PUT", "DELETE"],
    exposeHeaders: ["ETag", "Location", "Retry-After", "X-Request-Id", "X-Shape", "X-Dtype", "Preference-Applied"],
    maxAge: 600,
  });
}

function failed(c: AppContext, { log }: AppDeps, error: Error): Response {
  const requestId = c.get("requestId");
  if (statusOf(error) === 500) {
    const { name, message, stack, cause } = error;
    log.error("request_failed", {
      requestId,
      name,
      message,
      stack,
      cause: cause === undefined ? undefined : String(cause),
    });
  }
  return problemResponse(error, { path: c.req.path, requestId });
}

/** What no route took: a file of the page, a path with another method, or nothing. */
function fallBack(c: AppContext, app: App, { page }: AppDeps): Response {
  const about = { path: c.req.path, requestId: c.get("requestId") };
  const reading = c.req.method === "GET" || c.req.method === "HEAD";
  const asset = reading ? page?.(c.req.path) : undefined;
  if (asset) return assetResponse(asset, c.req.raw.headers);
  const allowed = allowedMethods(app, c.req.path);
  if (allowed.length === 0) {
    return problemResponse(missing("unknown_path", `Met ${c.req.path.slice(0, 200)}, wanted a path of /docs`), about);
  }
  if (c.req.method === "OPTIONS") return new Response(null, { status: 204, headers: { Allow: allowed.join(", ") } });
  return problemResponse(new MethodNotAllowed(c.req.method, allowed), about);
}
