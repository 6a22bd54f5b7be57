import type { MiddlewareHandler } from "hono";
import { LoopscopeError, malformed } from "../../lib/base/errors.ts";
import type { AppDeps, AppEnv } from "../context.ts";

/**
 * Protects a service without keys from other web pages in the user's browser. A request that changes something must
 * come from the service's own page (or the one allowed origin), against CSRF; without keys the host must be an
 * address or `localhost`, against DNS rebinding.
 */
export function guardAgainstCsrf({ keys, settings }: AppDeps): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const url = URL.canParse(c.req.url) ? new URL(c.req.url) : undefined;
    if (!url) throw malformed("invalid_url", `Received the address ${c.req.url.slice(0, 200)}; expected a URL`);
    if (!keys && !isLocalName(url.hostname)) {
      const message =
        `Received the host ${url.hostname}; expected localhost or an address while no keys are configured`;
      throw new LoopscopeError("forbidden", "unknown_host", message);
    }
    const origin = c.req.header("origin");
    const reading = ["GET", "HEAD", "OPTIONS"].includes(c.req.method);
    if (!reading && origin && origin !== settings.corsOrigin && !isSamePlace(origin, url)) {
      const message = `Received a request from the web page ${origin.slice(0, 200)}; expected this service's own`;
      throw new LoopscopeError("forbidden", "foreign_origin", message);
    }
    await next();
  };
}

function isLocalName(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || /^[0-9.]+$/.test(hostname) ||
    hostname.startsWith("[");
}

/** A TLS proxy may forward the host with its port (`name:443`), which browsers leave out of the origin. */
function isSamePlace(origin: string, { hostname, port }: URL): boolean {
  if (!URL.canParse(origin)) return false;
  const page = new URL(origin);
  const pagePort = page.port || (page.protocol === "https:" ? "443" : "80");
  return page.hostname === hostname && (port === "" ? page.port === "" : pagePort === port);
}
