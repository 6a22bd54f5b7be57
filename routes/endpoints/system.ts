import { LoopscopeError } from "../../lib/base/errors.ts";
import type { ResultTree } from "../../lib/base/nd_array.ts";
import { noParamsSchema } from "../../lib/schemas/paths.ts";
import { noQuerySchema } from "../../lib/schemas/queries.ts";
import type { AppDeps } from "../context.ts";
import { type App, declare, json } from "../openapi/declare_route.ts";
import type { Metrics } from "../middleware/metrics.ts";
import { renderResult } from "../response/render_result.ts";

const TAG = "Service";

/** Health, readiness, metrics, and the system that the service runs on. */
export function mountSystem(app: App, deps: AppDeps, metrics: Metrics): void {
  const { system } = deps.services;
  const nothing = { params: noParamsSchema, query: noQuerySchema, tag: TAG };
  declare(app, deps, {
    ...nothing,
    method: "get",
    path: "/healthz",
    summary: "Whether the process is up",
    scope: "open",
    responses: { 200: { description: "It is", content: json("Health", { status: "ok" }) } },
  }, () => Response.json({ status: "ok" }, { headers: { "Cache-Control": "no-store" } }));

  declare(app, deps, {
    ...nothing,
    method: "get",
    path: "/readyz",
    summary: "Whether store and compute are ready; 503 while starting or draining",
    scope: "open",
    responses: { 200: { description: "Ready", content: json("Health", { status: "ok" }) } },
  }, () => {
    requireReady(deps);
    return Response.json({ status: "ok" }, { headers: { "Cache-Control": "no-store" } });
  });

  declare(app, deps, {
    ...nothing,
    method: "get",
    path: "/metrics",
    summary: "Prometheus metrics",
    scope: "admin",
    responses: {
      200: { description: "Text exposition format", content: { "text/plain": { schema: { type: "string" } } } },
    },
  }, async () => new Response(await metrics.text(), { headers: { "Content-Type": metrics.contentType } }));

  declare(app, deps, {
    ...nothing,
    method: "get",
    path: "/v1/system",
    summary: "Version, engine, engines available, limits",
    scope: "read",
    responses: { 200: { description: "The system", content: json("System") } },
  }, ({ c }) => {
    const access = {
      scopes: [...c.get("scopes")],
      keys: deps.keys !== undefined,
      publicRead: deps.settings.publicRead,
      publicUploads: deps.settings.publicUploads,
      publicTraining: deps.settings.publicTraining,
    };
    const described = system.describe() as { [key: string]: ResultTree };
    const limits = { ...described.limits as { [key: string]: ResultTree }, ...limitsOf(deps) };
    const body = { ...described, limits, access };
    return renderResult("application/json", body, { headers: { "Cache-Control": "no-store" } });
  });
}

/** Request limits, in addition to what the services report. */
function limitsOf({ settings, keys }: AppDeps): Record<string, number> {
  const { maxBodyBytes, maxImportBytes, maxWaitMs, ratePerMinute, keyRatePerMinute } = settings;
  const rates: Record<string, number> = keys ? { ratePerMinute, keyRatePerMinute } : {};
  return { maxBodyBytes, maxImportBytes, maxWaitSeconds: maxWaitMs / 1000, ...rates };
}

/** Throws `not_ready` (503) while starting or draining. */
export function requireReady({ services }: AppDeps): void {
  const { ready, reason } = services.system.healthy();
  if (ready) return;
  const message = `Received a service that is not ready: ${reason ?? "starting"}`;
  throw new LoopscopeError("unavailable", "not_ready", message, { retryAfterS: 2 });
}
