import { AwsClient } from "aws4fetch";
import { LoopscopeError } from "../../base/errors.ts";
import { sleep } from "../../base/timeouts.ts";
import { Limiter } from "./limiter.ts";
import { isAbsent, isPassing, noAnswerError, readRefusal, refusalError } from "./s3_error.ts";
import type { StorageLocation } from "./storage_url.ts";

export interface StorageKeys {
  accessKeyId: string;
  secretAccessKey: string;
}

export interface S3Options {
  /** Requests at a time; default 16. */
  concurrency?: number;
  /** How long one request is tried again before it fails; default 20 s. */
  patienceMs?: number;
  /** One attempt, beside the time that its bytes may take; default 10 s. */
  attemptMs?: number;
}

export interface S3Request {
  method: "GET" | "PUT" | "POST" | "DELETE" | "HEAD";
  /** Within the prefix; undefined for the bucket itself. */
  key?: string;
  query?: Record<string, string>;
  body?: Uint8Array<ArrayBuffer>;
  /** Bytes `first` to `last`, both counted. */
  range?: { first: number; last: number };
  /** Only where there is no such object yet: the answer is undefined where there is one. */
  ifAbsent?: boolean;
  signal?: AbortSignal;
}

export interface S3Answer {
  headers: Headers;
  bytes: Uint8Array<ArrayBuffer>;
}

/** Since the start of this process, for its metrics. */
export interface S3Counts {
  /** However often each was tried. */
  requests: number;
  retries: number;
  /** Requests that failed at last; those that their callers cut off do not count. */
  failures: number;
  /** In bodies that were taken, and in objects that were read. */
  sentBytes: number;
  receivedBytes: number;
}

/** A body comes or goes at this pace at least. */
const LEAST_BYTES_PER_MS = 512;
/** A request waits no longer for those before it. */
const TURNS_MS = 60_000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 2000;
const NOTHING = new Uint8Array(0);

/**
 * Signed requests to one bucket. Bodies are small (an object goes in parts), so that each attempt can be made again: after
 * a lost connection, no answer in time, or an answer 429 or 5xx, with delays that grow and are random.
 */
export class S3Bucket {
  readonly counts: S3Counts = { requests: 0, retries: 0, failures: 0, sentBytes: 0, receivedBytes: 0 };
  readonly #client: AwsClient;
  readonly #limiter: Limiter;
  readonly #patienceMs: number;
  readonly #attemptMs: number;

  constructor(readonly location: StorageLocation, keys: StorageKeys, options: S3Options = {}) {
    this.#client = new AwsClient({ ...keys, service: "s3", region: location.region, retries: 0 });
    this.#limiter = new Limiter(options.concurrency ?? 16);
    this.#patienceMs = options.patienceMs ?? 20_000;
    this.#attemptMs = options.attemptMs ?? 10_000;
  }

  /**
   * Throws (unavailable) `storage_unavailable`, `storage_refused`, `bucket_missing` or `disk_full`, and `cancelled` when the
   * signal fires.
   *
   * @returns undefined where there is no such object
   */
  async send(request: S3Request): Promise<S3Answer | undefined> {
    const { signal } = request;
    this.counts.requests++;
    using turn = timeLimit(TURNS_MS, signal);
    try {
      return await this.#limiter.run(turn.signal, async () => {
        using patience = timeLimit(this.#patienceMs, signal);
        return await this.#persist(request, patience.signal);
      });
    } catch (error) {
      if (signal?.aborted) throw new LoopscopeError("cancelled", "cancelled", "The request was cut off");
      this.counts.failures++;
      throw error === turn.signal.reason ? noAnswerError(error) : error;
    }
  }

  async #persist(request: S3Request, waiting: AbortSignal): Promise<S3Answer | undefined> {
    for (let attempt = 0;; attempt++) {
      let problem: LoopscopeError;
      try {
        const answer = await this.#attempt(request);
        if ("headers" in answer) return this.#counted(request, answer);
        if (isAbsent(answer) || (request.ifAbsent && answer.status === 412)) return undefined;
        problem = refusalError(answer, this.location.bucket);
        if (!isPassing(answer)) throw problem;
      } catch (error) {
        if (error instanceof LoopscopeError || request.signal?.aborted) throw error;
        problem = noAnswerError(error);
      }
      await sleep(Math.random() * Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt), waiting);
      if (waiting.aborted) throw problem;
      this.counts.retries++;
    }
  }

  #counted({ key, body }: S3Request, answer: S3Answer): S3Answer {
    this.counts.sentBytes += body?.length ?? 0;
    if (key !== undefined) this.counts.receivedBytes += answer.bytes.length;
    return answer;
  }

  /** Reads the body too: a connection may be lost half-way through it. */
  async #attempt({ method, key, query = {}, body, range, ifAbsent, signal }: S3Request) {
    const headers: Record<string, string> = { "x-amz-content-sha256": await sha256(body ?? NOTHING) };
    if (range) headers.range = `bytes=${range.first}-${range.last}`;
    if (ifAbsent) headers["if-none-match"] = "*";
    const signed = await this.#client.sign(this.#url(key, query), { method, headers, body });
    const bytesBothWays = (body?.length ?? 0) + (range ? range.last - range.first + 1 : 0);
    using inTime = timeLimit(this.#attemptMs + bytesBothWays / LEAST_BYTES_PER_MS, signal);
    const response = await fetch(signed, { signal: inTime.signal });
    const bytes = new Uint8Array(await response.arrayBuffer());
    return response.ok ? { headers: response.headers, bytes } : readRefusal(response.status, bytes);
  }

  #url(key: string | undefined, query: Record<string, string>): string {
    const { endpoint, bucket, prefix } = this.location;
    const path = key === undefined ? "" : `/${(prefix + key).split("/").map(encodeURIComponent).join("/")}`;
    const search = new URLSearchParams(query).toString();
    return `${endpoint}/${bucket}${path}${search && `?${search}`}`;
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** As `AbortSignal.timeout`, also for another signal, and without a timer that outlives its use. */
function timeLimit(ms: number, signal: AbortSignal | undefined): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal!.reason);
  const timer = setTimeout(() => controller.abort(new DOMException("Not in time", "TimeoutError")), ms);
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted) onAbort();
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}
