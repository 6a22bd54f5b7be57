import type { AppContext } from "../context.ts";

/** Seconds of `Prefer: wait=N` (RFC 7240) as milliseconds, at most `maxMs`; undefined where it is absent. */
export function preferredWaitMs(c: AppContext, maxMs: number): number | undefined {
  const match = /(?:^|[,;]\s*)wait\s*=\s*"?([0-9]{1,9})"?\s*(?:[,;]|$)/i.exec(c.req.header("prefer") ?? "");
  return match ? Math.min(Number(match[1]) * 1000, maxMs) : undefined;
}

/** `Preference-Applied` for a wait that was applied; no header otherwise. */
export function appliedPreference(waitMs: number | undefined): Record<string, string> {
  return waitMs === undefined ? {} : { "Preference-Applied": `wait=${waitMs / 1000}` };
}
