import type { MiddlewareHandler } from "hono";
import { LoopscopeError } from "../../lib/base/errors.ts";
import { Counter } from "../../lib/base/counter.ts";
import type { AppDeps, AppEnv } from "../context.ts";

/**
 * Limits the requests of one caller that run at one time, including event streams and waiting ones: connections that
 * come through a proxy cannot be told apart earlier. Throws `too_many_at_once` (429). There is no limit without keys
 * (there is only one caller then), nor for monitors.
 */
export function limitCallerConcurrency({ keys, settings }: AppDeps): MiddlewareHandler<AppEnv> {
  const running = new Counter();
  const most = settings.maxRequestsPerCaller;
  return async (c, next) => {
    const caller = c.get("callerId");
    if (!keys || !c.env?.onResponseEnd || caller === "monitor") return await next();
    const mine = running.of(caller);
    if (mine >= most) {
      const message = `You have ${mine} requests running; expected at most ${most} at one time`;
      throw new LoopscopeError("tooMany", "too_many_at_once", message, { retryAfterS: 1 });
    }
    running.add(caller, 1);
    c.env.onResponseEnd(() => running.add(caller, -1));
    await next();
  };
}
