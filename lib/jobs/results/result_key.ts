import { createHash } from "node:crypto";
import type { ResultRequest } from "../../schemas/job.ts";

/** Raised when results are computed differently than before, so that no old one is served from the cache. */
const RESULT_VERSION = 1;

/** The same derived result always has the same key: names sorted, versions of models as numbers, weights by hash. */
export function resultKey(request: ResultRequest, weightsSha256: string | undefined): string {
  const { result, cube, model, parameters } = request;
  return JSON.stringify([RESULT_VERSION, result, cube, model ?? null, weightsSha256 ?? null, sorted(parameters)]);
}

/** A strong ETag that is known before the result is. */
export function resultTag(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 32);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => [k, sorted(v)]));
}
