/** What went wrong, as the domain sees it; `routes/errors.ts` is the one map from kind to HTTP status. */
export type ErrorKind =
  | "malformed" // 400: cannot be parsed
  | "unauthenticated" // 401
  | "forbidden" // 403
  | "missing" // 404
  | "notAcceptable" // 406
  | "timeout" // 408: the client was too slow
  | "conflict" // 409
  | "precondition" // 412
  | "checksum" // 460 (tus): not the bytes that were sent
  | "tooLarge" // 413
  | "range" // 416: outside of what is there
  | "unsupportedType" // 415
  | "unprocessable" // 422: well-formed but wrong
  | "tooMany" // 429
  | "cancelled" // 499-like: the caller or a person stopped it
  | "internal" // 500
  | "unavailable"; // 503

export interface FieldIssue {
  /** Where in the request, as a dotted path: `region.rows`. */
  path: string;
  message: string;
}

export interface ErrorDetails {
  issues?: FieldIssue[];
  retryAfterS?: number;
  cause?: unknown;
}

/**
 * The one error type that crosses rooms: a kind, a stable snake_case code for programs and a message for people.
 * The message says what was wrong with the value met and the value wanted, capital first letter, no full stop.
 */
export class LoopscopeError extends Error {
  override readonly name = "LoopscopeError";
  readonly issues: FieldIssue[];
  readonly retryAfterS?: number;

  constructor(readonly kind: ErrorKind, readonly code: string, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.issues = details.issues ?? [];
    this.retryAfterS = details.retryAfterS;
  }
}

/** A well-formed request that cannot be done: 422. */
export function unprocessable(code: string, message: string, details?: ErrorDetails): LoopscopeError {
  return new LoopscopeError("unprocessable", code, message, details);
}

export function malformed(code: string, message: string, details?: ErrorDetails): LoopscopeError {
  return new LoopscopeError("malformed", code, message, details);
}

export function missing(code: string, message: string): LoopscopeError {
  return new LoopscopeError("missing", code, message);
}

export function conflict(code: string, message: string): LoopscopeError {
  return new LoopscopeError("conflict", code, message);
}

/** Plain form that survives a process border; `errorFromJson` brings it back. */
export interface ErrorJson {
  kind: ErrorKind;
  code: string;
  message: string;
  issues: FieldIssue[];
  retryAfterS?: number;
}

/** Any thrown value as plain JSON; what is not a LoopscopeError becomes `internal`. */
export function errorToJson(error: unknown): ErrorJson {
  if (error instanceof LoopscopeError) {
    const { kind, code, message, issues, retryAfterS } = error;
    return { kind, code, message, issues, retryAfterS };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { kind: "internal", code: "internal_error", message, issues: [] };
}

export function errorFromJson(json: ErrorJson): LoopscopeError {
  return new LoopscopeError(json.kind, json.code, json.message, json);
}
