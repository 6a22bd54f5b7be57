import type { MiddlewareHandler } from "hono";
import { LoopscopeError } from "../../lib/base/errors.ts";
import type { Scope } from "../../lib/schemas/access.ts";
import { callerAddress } from "./caller_address.ts";
import type { AppContext, AppDeps, AppEnv } from "../context.ts";
import type { RateLimit } from "./rate_limit.ts";

const ALL: ReadonlySet<Scope> = new Set(["read", "predict", "train", "admin"]);
/** Paths that monitors call often and that reveal nothing about data. */
const UNLIMITED = new Set(["/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"]);

/**
 * Identifies the caller and its scopes. Without configured keys everything is allowed (the service then listens on
 * loopback only). An unknown key is refused even where no key is needed.
 */
export function identify(deps: AppDeps, limit: RateLimit): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (UNLIMITED.has(c.req.path)) {
      c.set("scopes", new Set());
      c.set("callerId", "monitor");
      return await next();
    }
    const address = `address:${addressOf(c, deps.settings.trustProxy)}`;
    const secret = deps.keys && secretOf(c);
    if (!deps.keys || !secret) {
      if (deps.keys) limit.take(address, deps.settings.ratePerMinute);
      c.set("callerId", address);
      c.set("scopes", deps.keys ? anonymousScopes(deps.settings) : ALL);
      return await next();
    }
    const key = await deps.keys.verify(secret);
    if (!key) {
      limit.take(address, deps.settings.ratePerMinute);
      throw new LoopscopeError(
        "unauthenticated",
        "unknown_key",
        "Received a key that is not known here; expected one that is",
      );
    }
    limit.take(`key:${key.id}`, deps.settings.keyRatePerMinute);
    c.set("callerId", `key:${key.id}`);
    c.set("scopes", key.scopes.includes("admin") ? ALL : new Set(key.scopes));
    await next();
  };
}

/** Throws 401 where a key is needed and none was given, 403 where the key lacks the scope. */
export function requireScope(c: AppContext, scope: Scope): void {
  if (c.get("scopes").has(scope)) return;
  if (c.get("callerId").startsWith("key:")) {
    const message = `Received a key with ${[...c.get("scopes")].join(", ") || "no scope"}; expected one with ${scope}`;
    throw new LoopscopeError("forbidden", "scope_missing", message);
  }
  throw new LoopscopeError("unauthenticated", "key_required", `Received no key; expected one with the scope ${scope}`);
}

/**
 * Throws `not_yours` for the property of another caller, unless the key has `admin`: 401 without a key, otherwise
 * 403.
 */
export function requireOwner(c: AppContext, isOwn: boolean, thing: string): void {
  if (isOwn || c.get("scopes").has("admin")) return;
  const kind = c.get("callerId").startsWith("key:") ? "forbidden" : "unauthenticated";
  throw new LoopscopeError(
    kind,
    "not_yours",
    `The ${thing} belongs to another caller; expected your own, or a key with admin`,
  );
}

/** A caller without a key on a public demo. */
export function isVisitor(c: AppContext, { keys, settings }: AppDeps): boolean {
  return keys !== undefined && settings.publicRead && c.get("callerId").startsWith("address:");
}

function anonymousScopes(settings: AppDeps["settings"]): ReadonlySet<Scope> {
  const scopes = new Set<Scope>();
  if (settings.publicRead) scopes.add("read").add("predict");
  return scopes;
}

function secretOf(c: AppContext): string | undefined {
  const authorization = c.req.header("authorization");
  if (authorization) return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? authorization;
  return c.req.header("x-api-key");
}

function addressOf(c: AppContext, trustProxy: boolean): string {
  // The proxy appends the address it saw; everything before it was written by the caller.
  const forwarded = trustProxy ? c.req.header("x-forwarded-for")?.split(",").at(-1) : undefined;
  return callerAddress(forwarded || c.env?.remoteAddr?.hostname || "");
}
