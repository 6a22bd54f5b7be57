import { createHash } from "node:crypto";
import { conflict, malformed, unprocessable } from "../../lib/base/errors.ts";
import type { StoredResponse } from "../../lib/schemas/idempotency.ts";
import type { AppContext, AppDeps } from "../context.ts";
import { boundaryOf, readMultipart } from "../request/multipart.ts";
import { mediaTypeOf, sentStream } from "../request/request_body.ts";
import { readSmallBody } from "../request/read_small_body.ts";

const MAX_STORED_BYTES = 8 * 2 ** 20;
const KEPT_HEADERS = [
  ...["content-type", "location", "etag", "cache-control", "x-shape", "x-dtype", "inference-header-content-length"],
  ...["content-location", "upload-offset", "upload-length", "upload-expires"],
];
/** Headers that are part of what is asked for, and so of the fingerprint. */
const FINGERPRINT_HEADERS = [
  ...["inference-header-content-length", "upload-length", "upload-metadata", "upload-offset"],
  ...["x-http-method-override", "content-disposition"],
];

/**
 * `Idempotency-Key` on a POST: the same request gets the first response again, another request with the same key is
 * refused (422), and a second request while the first is running is a conflict (409). Errors are not kept: the
 * request changed nothing, so the key is free again. Nor are large responses, which only predictions have. The
 * fingerprint is hashed as the body streams by; of a form, names and contents count, not the boundary.
 */
export async function handleIdempotently(
  c: AppContext,
  deps: AppDeps,
  handle: () => Promise<Response>,
): Promise<Response> {
  const key = c.req.header("idempotency-key");
  if (key === undefined) return await handle();
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw malformed(
      "invalid_idempotency_key",
      `Received an Idempotency-Key of ${key.length} characters; expected 1 to 255 in ASCII`,
    );
  }
  const caller = c.get("callerId");
  const claim = await deps.idempotency.begin(caller, key);
  if (claim.state === "running") {
    throw conflict(
      "idempotency_in_progress",
      "Received an Idempotency-Key whose first request is still running; expected you to wait for it",
    );
  }
  const hash = createFingerprint(c);
  if (claim.state === "done") {
    await drain(c, deps, hash);
    if (hash.digest() === claim.fingerprint) return replay(claim.response);
    const message = "Received an Idempotency-Key that was used for another request; expected a new one";
    throw unprocessable("idempotency_key_reused", message);
  }
  return await handleAndStore({ c, deps, caller, key, hash }, handle);
}

interface Claimed {
  c: AppContext;
  deps: AppDeps;
  caller: string;
  key: string;
  hash: Fingerprint;
}

async function handleAndStore({ c, deps, caller, key, hash }: Claimed, handle: () => Promise<Response>) {
  try {
    tap(c, hash);
    const response = await handle();
    const body = await readSmallBody(response.body, { maxBytes: MAX_STORED_BYTES, yieldTurn: c.get("yieldTurn") });
    const { status, headers } = response;
    if (!hash.complete || status >= 400 || body instanceof ReadableStream) {
      await deps.idempotency.abandon(caller, key);
    } else {
      const kept = KEPT_HEADERS.flatMap((name) => headers.has(name) ? [[name, headers.get(name)!]] : []);
      await deps.idempotency.finish(caller, key, hash.digest(), { status, headers: Object.fromEntries(kept), body });
    }
    return new Response(bodyOf(status, body), { status, headers });
  } catch (error) {
    await deps.idempotency.abandon(caller, key);
    throw error;
  }
}

function replay({ status, headers, body }: StoredResponse): Response {
  const init = { status, headers: { ...headers, "Idempotency-Replayed": "true" } };
  return new Response(bodyOf(status, body.slice()), init);
}

/** `Response` accepts no body for 204, not even an empty one. */
function bodyOf<T>(status: number, body: T): T | null {
  return status === 204 ? null : body;
}

interface Fingerprint {
  update(bytes: Uint8Array): void;
  /** Whether the whole body has been hashed. */
  complete: boolean;
  digest(): string;
}

function createFingerprint(c: AppContext): Fingerprint {
  const hash = createHash("sha256");
  const url = new URL(c.req.url);
  url.searchParams.sort();
  const asked = FINGERPRINT_HEADERS.flatMap((name) =>
    c.req.header(name) === undefined ? [] : [[name, c.req.header(name)]]
  );
  hash.update(JSON.stringify([c.req.method, url.pathname, url.search, mediaTypeOf(c), ...asked]));
  return {
    update: (bytes) => void hash.update(bytes),
    complete: c.req.raw.body === null,
    digest: () => hash.copy().digest("hex"),
  };
}

/** Hashes the body as the handler reads it: the parts of a form, or the raw bytes. */
function tap(c: AppContext, hash: Fingerprint): void {
  const source = c.req.raw.body;
  if (source === null) return;
  if (mediaTypeOf(c) === "multipart/form-data") {
    c.set("formSeen", (bytes) => bytes ? hash.update(bytes) : (hash.complete = true));
    return;
  }
  c.set(
    "body",
    source.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          hash.update(chunk);
          controller.enqueue(chunk);
        },
        flush: () => void (hash.complete = true),
      }),
    ),
  );
}

/** Reads the body of a repeated request only to compare its fingerprint. */
async function drain(c: AppContext, deps: AppDeps, hash: Fingerprint): Promise<void> {
  if (c.req.raw.body === null) return;
  const stream = sentStream(c, deps.settings, deps.settings.maxUploadBytes);
  if (mediaTypeOf(c) === "multipart/form-data") {
    const observe = (bytes: Uint8Array) => hash.update(bytes);
    for await (const _part of readMultipart(stream, boundaryOf(c.req.header("content-type")!), { observe }));
  } else {
    for await (const chunk of stream) hash.update(chunk);
  }
}
