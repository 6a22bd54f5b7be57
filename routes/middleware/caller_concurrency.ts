import type { MiddlewareHandler } from "hono";
import { LoopscopeError } from "../../lib/base/errors.ts";
import { Counter } from "../../lib/base/counter.ts";
import type { AppDeps, AppEnv } from "../context.ts";

/**
 * Each caller has a share of the requests that are answered at one time, event streams and waiting ones among them: the
 * connections that a proxy brings cannot be told apart before. Throws `too_many_at_once` (429). Without keys all is one's
 * own, and monitors ask always.
 */
export function limitCallerConcurrency({ keys, settings }: AppDeps): MiddlewareHandler<AppEnv> {
  const running = new Counter();
  const most = settings.maxRequestsPerCaller;
  return async (c, next) => {
    const caller = c.get("callerId");
    if (!keys || !c.env?.onResponseEnd || caller === "monitor") return await next();
    const mine = running.of(caller);
    if (mine >= most) {
      const message =
        `Received ${mine} requests of yours that are being answered; expected at most ${most} at one time`;
      throw new LoopscopeError("tooMany", "too_many_at_once", message, { retryAfterS: 1 });
    }
    running.add(caller, 1);
    c.env.onResponseEnd(() => running.add(caller, -1));
    await next();
  };
}
