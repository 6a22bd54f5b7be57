import type { MiddlewareHandler } from "hono";
import { newId } from "../../lib/base/ids.ts";
import { createScheduler } from "../../lib/base/scheduler.ts";
import { type ByteLease, createByteBudget } from "../server/byte_budget.ts";
import type { AppDeps, AppEnv } from "../context.ts";
import type { Metrics } from "./metrics.ts";
import { beginSpan } from "./trace_request.ts";
import { setSecurityHeaders } from "./security_headers.ts";

/** Other methods share one label: labels that callers can invent would fill the memory. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Outermost middleware: request id, one log line, metrics, security headers, and release of what the request held. */
export function observe({ log, settings, clock, keys }: AppDeps, metrics: Metrics): MiddlewareHandler<AppEnv> {
  const { maxBufferedBytes } = settings;
  const bodies = createByteBudget({
    maxBytes: maxBufferedBytes,
    maxBytesPerCaller: keys ? maxBufferedBytes / 2 : undefined, // without keys all requests have one caller
    what: "request bodies",
  });
  const maxBytes = settings.maxUnreadBytes;
  const unread = createByteBudget({ maxBytes, maxBytesPerCaller: maxBytes / 2, what: "unread responses" });
  const yieldTurn = createScheduler();
  return async (c, next) => {
    const startMs = performance.now();
    const requestId = requestIdOf(c.req.header("x-request-id"), clock.nowMs());
    const method = METHODS.has(c.req.method) ? c.req.method : "OTHER";
    const endSpan = beginSpan({ method, requestId, headers: c.req.raw.headers });
    let lease: ByteLease | undefined;
    const held = () => lease ??= bodies(c.get("callerId")); // the caller is identified later
    c.set("requestId", requestId);
    c.set("callerId", "unknown");
    c.set("scopes", new Set());
    c.set("signal", c.env?.signal ?? c.req.raw.signal);
    c.set("budget", { take: (bytes) => held().take(bytes), release: () => held().release() });
    c.set("unread", unread);
    c.set("yieldTurn", c.env?.yieldTurn ?? yieldTurn);
    try {
      await next();
    } finally {
      held().release();
    }
    c.res.headers.set("X-Request-Id", requestId);
    setSecurityHeaders(c.res.headers);
    const route = c.get("route") ?? "unmatched";
    const durationMs = performance.now() - startMs;
    endSpan({ route, status: c.res.status });
    metrics.countRequest({ method, route, status: c.res.status }, durationMs / 1000);
    const fields = {
      requestId,
      method: c.req.method.slice(0, 20),
      path: c.req.path.slice(0, 500),
      status: c.res.status,
      caller: c.get("callerId"),
    };
    log.info("request", { ...fields, durationMs: Math.round(durationMs * 10) / 10 });
  };
}

/** The request id of the caller if it is short and plain, otherwise a new one. */
function requestIdOf(given: string | undefined, nowMs: number): string {
  return given && /^[A-Za-z0-9._:/+=@~-]{1,128}$/.test(given) ? given : newId<string>("req", nowMs);
}
