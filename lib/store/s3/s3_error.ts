import { LoopscopeError } from "../../base/errors.ts";

/** What the server said no with: the code and the message of its XML, and the status. */
export interface S3Refusal {
  status: number;
  code: string;
  message: string;
}

/** Answers that may be another at the next attempt. */
const PASSING = new Set([429, 500, 502, 503, 504]);
const FULL = new Set(["InsufficientStorage", "XMinioStorageFull", "QuotaExceeded", "InsufficientCapacity"]);
const WRONG_KEYS = ["InvalidAccessKeyId", "SignatureDoesNotMatch", "XAdminUserNotFound"];
const RETRY_SOON_S = 5;
const RETRY_LATER_S = 60;

export function isPassing({ status, code }: S3Refusal): boolean {
  return PASSING.has(status) && !FULL.has(code);
}

/** There is no such object. Servers answer 404 to wrong keys and buckets as well. */
export function isAbsent({ status, code }: S3Refusal): boolean {
  return status === 404 && ["NoSuchKey", "NoSuchUpload", "HTTP 404"].includes(code);
}

/** From an error document, or from the status alone: an answer to HEAD has no body. */
export function readRefusal(status: number, body: Uint8Array): S3Refusal {
  const text = new TextDecoder().decode(body.subarray(0, 64 * 1024));
  const tag = (name: string) => new RegExp(`<${name}>([^<]{0,300})</${name}>`).exec(text)?.[1];
  return { status, code: tag("Code") ?? `HTTP ${status}`, message: tag("Message") ?? "" };
}

/** One line on what an operator has to put right, as an answer 503 with `Retry-After`. */
export function refusalError({ status, code, message }: S3Refusal, bucket: string): LoopscopeError {
  const unavailable = (name: string, text: string, retryAfterS = RETRY_LATER_S) =>
    new LoopscopeError("unavailable", name, text, { retryAfterS });
  if (code === "NoSuchBucket") {
    return unavailable("bucket_missing", `The object storage has no bucket ${bucket}; create it first`);
  }
  if (code === "RequestTimeTooSkewed") {
    return unavailable("storage_refused", "The object storage refused a request: this host's clock is wrong");
  }
  if (WRONG_KEYS.includes(code)) {
    const wanted = "expected valid AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    return unavailable("storage_refused", `The object storage refused the keys (${code}); ${wanted}`);
  }
  if (status === 401 || status === 403) {
    const what = `The object storage refused a request (${code})`;
    return unavailable("storage_refused", `${what}; expected keys that may read, write and list ${bucket}`);
  }
  if (status === 507 || FULL.has(code)) {
    return unavailable("disk_full", "The object storage is full, nothing was kept");
  }
  if (PASSING.has(status)) {
    return unavailable("storage_unavailable", `The object storage cannot answer now (${code})`, RETRY_SOON_S);
  }
  const said = message && `: ${message}`;
  return new LoopscopeError("internal", "storage_failed", `The object storage answered ${status} ${code}${said}`);
}

/** No answer within the time, or no connection. */
export function noAnswerError(cause: unknown): LoopscopeError {
  return new LoopscopeError("unavailable", "storage_unavailable", "The object storage does not answer", {
    cause,
    retryAfterS: RETRY_SOON_S,
  });
}
