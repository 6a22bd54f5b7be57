import { type ErrorKind, LoopscopeError } from "../lib/base/errors.ts";
import { asStoreError } from "../lib/store/disk_error.ts";
import type { Problem } from "../lib/schemas/problem.ts";

/** The one map from kinds of errors to HTTP statuses and titles. */
const STATUS: Record<ErrorKind, [status: number, title: string]> = {
  malformed: [400, "Malformed request"],
  unauthenticated: [401, "Key required"],
  forbidden: [403, "Not allowed"],
  missing: [404, "Not found"],
  notAcceptable: [406, "Not acceptable"],
  timeout: [408, "Request too slow"],
  conflict: [409, "Conflict"],
  precondition: [412, "Precondition failed"],
  tooLarge: [413, "Too large"],
  range: [416, "Range not satisfiable"],
  unsupportedType: [415, "Unsupported media type"],
  unprocessable: [422, "Cannot be processed"],
  tooMany: [429, "Too many requests"],
  checksum: [460, "Checksum mismatch"],
  cancelled: [499, "Cancelled"],
  internal: [500, "Internal error"],
  unavailable: [503, "Unavailable"],
};

/** A known path with a method that it does not have. */
export class MethodNotAllowed extends Error {
  constructor(readonly method: string, readonly allowed: readonly string[]) {
    super(`Received ${method}; expected ${allowed.join(" or ")}`);
  }
}

/** The status, and the error as callers may see it: an unexpected error shows no details. */
export function statusOf(error: unknown): number {
  if (error instanceof MethodNotAllowed) return 405;
  return STATUS[toLoopscopeError(error).kind][0];
}

/**
 * Any thrown value as an RFC 9457 response. Internal errors show no message, path or stack; those are in the log. Under
 * `/v2` the response also has `error`, which clients of that protocol read.
 */
export function problemResponse(error: unknown, request: { path: string; requestId: string }): Response {
  const problem = describe(error, request);
  const body = new TextEncoder().encode(JSON.stringify(problem));
  const headers = new Headers({
    "Content-Type": "application/problem+json",
    "Content-Length": String(body.length),
    "Cache-Control": "no-store",
  });
  if (error instanceof MethodNotAllowed) headers.set("Allow", error.allowed.join(", "));
  const { retryAfterS } = toLoopscopeError(error);
  if (problem.status === 429 || problem.status === 503) {
    headers.set("Retry-After", String(Math.max(1, Math.ceil(retryAfterS ?? 1))));
  }
  if (problem.status === 401) headers.set("WWW-Authenticate", 'Bearer realm="loopscope"');
  return new Response(body, { status: problem.status, headers });
}

function describe(error: unknown, { path, requestId }: { path: string; requestId: string }): Problem {
  const { kind, code, message, issues } = toLoopscopeError(error);
  const allowed = error instanceof MethodNotAllowed;
  const [status, title] = allowed ? [405, "Method not allowed"] : STATUS[kind];
  const detail = allowed
    ? error.message
    : status === 500
    ? `Internal error; the log has the reason under request ${requestId}`
    : message;
  return {
    type: `urn:loopscope:problem:${allowed ? "method_not_allowed" : code}`,
    title,
    status,
    detail,
    instance: path,
    code: allowed ? "method_not_allowed" : code,
    ...(issues.length > 0 && status !== 500 ? { errors: issues } : {}),
    ...(path === "/v2" || path.startsWith("/v2/") ? { error: detail } : {}),
  };
}

/** The error or its cause (failures of a body stream arrive wrapped), a full disk, or `internal`. */
function toLoopscopeError(error: unknown): LoopscopeError {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const known = asStoreError(cause);
    if (known instanceof LoopscopeError && STATUS[known.kind]) return known;
  }
  return new LoopscopeError("internal", "internal_error", "Internal error", { cause: error });
}
