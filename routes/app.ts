import { OpenAPIHono } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { LoopscopeError, missing } from "../lib/base/errors.ts";
import { identify } from "./middleware/access.ts";
import { allowedMethods } from "./openapi/allowed_methods.ts";
import { limitCallerConcurrency } from "./middleware/caller_concurrency.ts";
import { guardAgainstCsrf } from "./middleware/csrf_guard.ts";
import type { AppContext, AppDeps, AppEnv } from "./context.ts";
import { mountCubes } from "./endpoints/cubes.ts";
import type { App } from "./openapi/declare_route.ts";
import { mountCubeData } from "./endpoints/cube_data.ts";
import { mountDocs } from "./endpoints/docs.ts";
import { MethodNotAllowed, problemResponse, statusOf } from "./errors.ts";
import { mountExperiments } from "./endpoints/experiments.ts";
import { mountInference } from "./endpoints/inference_v2.ts";
import { mountJobs } from "./endpoints/jobs.ts";
import { createMetrics } from "./middleware/metrics.ts";
import { mountModelFiles } from "./endpoints/model_files.ts";
import { mountModels } from "./endpoints/models.ts";
import { observe } from "./middleware/observe.ts";
import { mountPredictions } from "./endpoints/predictions.ts";
import { createRateLimit } from "./middleware/rate_limit.ts";
import { mountResults } from "./endpoints/results.ts";
import { assetResponse } from "./response/static_assets.ts";
import { mountSystem } from "./endpoints/system.ts";
import { mountUploads } from "./endpoints/uploads.ts";

/** The whole HTTP interface as `fetch(request, connection)`: parse, call one use case, render. */
export function createApp(deps: AppDeps): App {
  const app: App = new OpenAPIHono<AppEnv>();
  const metrics = deps.metrics ?? createMetrics();
  app.use("*", observe(deps, metrics));
  app.use("*", guardAgainstCsrf(deps));
  if (deps.settings.corsOrigin) app.use("*", allowOrigin(deps.settings.corsOrigin));
  app.use("*", identify(deps, createRateLimit(deps.clock)));
  app.use("*", limitCallerConcurrency(deps));
  app.use("*", refuseWhileStopping(deps));
  mountSystem(app, deps, metrics);
  mountCubes(app, deps);
  mountUploads(app, deps);
  mountJobs(app, deps);
  mountExperiments(app, deps);
  mountCubeData(app, deps);
  mountModels(app, deps);
  mountModelFiles(app, deps);
  mountPredictions(app, deps);
  mountResults(app, deps);
  mountInference(app, deps);
  mountDocs(app, deps);
  app.onError((error, c) => failed(c, deps, error));
  app.notFound((c) => fallBack(c, app, deps));
  return app;
}

const MONITORED_PATHS = new Set(["/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"]);

/** While the service drains, running requests finish; new ones get 503 and should be retried later or elsewhere. */
function refuseWhileStopping({ services }: AppDeps): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const { ready, reason } = services.system.ready();
    if (ready || MONITORED_PATHS.has(c.req.path)) return await next();
    throw new LoopscopeError("unavailable", "not_ready", reason ?? "The service is starting", { retryAfterS: 5 });
  };
}

/** Response headers that pages of the allowed origin may read, besides the CORS-safelisted ones. */
const EXPOSED = [
  ...[
    "Accept-Ranges",
    "Allow",
    "Content-Disposition",
    "Content-Location",
    "Content-Range",
    "ETag",
    "Idempotency-Replayed",
  ],
  ...["Inference-Header-Content-Length", "Location", "Preference-Applied", "Retry-After", "WWW-Authenticate"],
  ...["X-Dtype", "X-Request-Id", "X-Shape"],
  ...["Tus-Checksum-Algorithm", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version"],
  ...["Upload-Expires", "Upload-Length", "Upload-Offset"],
];

/** CORS for one origin; OPTIONS without a preflight header is an ordinary request. */
function allowOrigin(origin: string): MiddlewareHandler<AppEnv> {
  const allowMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
  const allow = cors({ origin, allowMethods, exposeHeaders: EXPOSED, maxAge: 600 });
  return async (c, next) => {
    const preflight = c.req.header("access-control-request-method") !== undefined;
    if (preflight || c.req.method !== "OPTIONS") return await allow(c, next);
    await next();
    c.res.headers.set("Access-Control-Allow-Origin", origin);
  };
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
  return problemResponse(error, { path: new URL(c.req.url).pathname, requestId });
}

/** Requests that match no route: a file of the page, a wrong method (405), or an unknown path (404). */
function fallBack(c: AppContext, app: App, { page }: AppDeps): Response {
  const about = { path: new URL(c.req.url).pathname, requestId: c.get("requestId") };
  const reading = c.req.method === "GET" || c.req.method === "HEAD";
  const asset = page?.(c.req.path);
  if (asset && reading) return assetResponse(asset, c.req.raw.headers);
  const allowed = asset ? ["GET", "HEAD"] : allowedMethods(app, c.req.path);
  if (allowed.length === 0) return problemResponse(unknownPath(c.req.path, app), about);
  if (c.req.method === "OPTIONS") return new Response(null, { status: 204, headers: { Allow: allowed.join(", ") } });
  return problemResponse(new MethodNotAllowed(c.req.method, allowed), about);
}

function unknownPath(path: string, app: App): LoopscopeError {
  const plain = path.replaceAll(/\/+/g, "/").replace(/\/$/, "");
  const known = plain !== path && allowedMethods(app, plain).length > 0;
  return missing(
    "unknown_path",
    `Received ${path.slice(0, 200)}; expected ${known ? plain.slice(0, 200) : "a path of /docs"}`,
  );
}
