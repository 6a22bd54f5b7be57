import { LoopscopeError, malformed } from "../../lib/base/errors.ts";
import { idParamsSchema, noParamsSchema } from "../../lib/schemas/paths.ts";
import { noQuerySchema } from "../../lib/schemas/queries.ts";
import type { Upload } from "../../lib/schemas/upload.ts";
import type { AppendOptions } from "../../lib/store/ports/upload_store.ts";
import type { AppContext, AppDeps } from "../context.ts";
import { type App, declare, type RouteRequest } from "../openapi/declare_route.ts";
import { bodyStream } from "../request/request_body.ts";

const TAG = "Resumable uploads";
const TUS = "1.0.0";
const BINARY = { type: "string", format: "binary" };
const PIECE = "application/offset+octet-stream";

const WHOLE = { type: "integer", minimum: 0 };
const OVERRIDE = "X-HTTP-Method-Override";
const STATE = ["Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Expires"] as const;
const METHODS = { type: "string", enum: ["PATCH", "DELETE"] };

const header = (name: string, description: string) => ({ name, description, schema: { type: "string" } });
const VERSION = {
  ...header("Tus-Resumable", "The protocol's version"),
  schema: { type: "string", enum: [TUS] },
  required: true,
};

/**
 * `/v1/uploads`: resumable uploads by the tus 1.0 protocol (creation, checksum, expiration, termination;
 * https://tus.io/protocols/resumable-upload). The last piece makes the cube. Not `@tus/server`: it has no checksum
 * extension, and quotas, the disk reserve, idempotency and problem responses would still be ours.
 */
export function mountUploads(app: App, deps: AppDeps): void {
  const { uploads } = deps.services;
  const shared = { tag: TAG, scope: "train", publicWith: "publicUploads", query: noQuerySchema } as const;

  app.use("/v1/uploads/*", async (c, next) => {
    await next();
    c.res.headers.set("Tus-Resumable", TUS); // on errors, too
    if (c.res.status === 412) c.res.headers.set("Tus-Version", TUS);
  });

  // OPTIONS tells what the server supports. It needs no key, since it reveals nothing about data.
  app.options("/v1/uploads", () => new Response(null, { status: 204, headers: abilities(deps) }));

  declare(app, deps, {
    ...shared,
    method: "post",
    path: "/v1/uploads",
    summary: "Begin a resumable upload",
    description:
      "`Upload-Metadata` may have what the query of `POST /v1/cubes` may have, `filename`, and `sha256` of the whole file.",
    params: noParamsSchema,
    headers: [
      VERSION,
      { ...header("Upload-Length", "Bytes of the whole file"), schema: { ...WHOLE, minimum: 1 }, required: true },
      header("Upload-Metadata", "Names and base64 values, separated by commas"),
    ],
    responses: { 201: { description: "Begun: `Location` takes the pieces", headers: STATE } },
    errors: [409, 412, 413],
  }, async ({ c, caller }) => {
    requireTusVersion(c);
    const upload = await uploads.create(lengthOf(c), metadataOf(c), caller);
    return new Response(null, { status: 201, headers: { ...state(upload), Location: `/v1/uploads/${upload.id}` } });
  });

  declare(
    app,
    deps,
    {
      ...shared,
      method: "get",
      path: "/v1/uploads/{id}",
      summary: "How far an upload has come (also with HEAD)",
      params: idParamsSchema,
      responses: {
        200: {
          description: "`Upload-Offset`, `Upload-Length`; `Content-Location` when it has become a cube",
          headers: [...STATE, "Content-Location"],
        },
      },
      errors: [404],
    },
    async ({ params }) =>
      new Response(null, { headers: { ...state(await uploads.get(params.id)), "Cache-Control": "no-store" } }),
  );

  const piece = {
    ...shared,
    path: "/v1/uploads/{id}",
    params: idParamsSchema,
    headers: [
      VERSION,
      { ...header("Upload-Offset", "Bytes that are there already"), schema: WHOLE, required: true },
      {
        ...header("Upload-Checksum", "`sha256` or `sha1`, a space, and the piece's digest in base64"),
        schema: { type: "string", pattern: "^sha(1|256) [A-Za-z0-9+/]+=*$" },
      },
    ],
    body: { [PIECE]: { schema: BINARY } },
    responses: {
      204: {
        description: "Taken; after the last piece `Content-Location` is the cube",
        headers: [...STATE, "Content-Location"],
      },
    },
    errors: [404, 409, 412, 422, 460],
    untimed: true,
  } as const;
  const append = async ({ c, params, caller }: PieceRequest) => {
    requireTusVersion(c);
    if (c.req.header("content-type") !== PIECE) {
      const detail = `Received Content-Type ${c.req.header("content-type") ?? "none"}; expected ${PIECE}`;
      throw new LoopscopeError("unsupportedType", "unsupported_media_type", detail);
    }
    await uploads.get(params.id);
    const options = { signal: caller.signal, checksum: checksumOf(c) };
    const upload = await uploads.append(params.id, wholeNumber(c, "Upload-Offset"), pieceOf(c, deps), options, caller);
    return new Response(null, { status: 204, headers: state(upload) });
  };
  const remove = async ({ params }: { params: { id: string } }) => {
    await uploads.remove(params.id);
    return new Response(null, { status: 204 });
  };
  declare(app, deps, { ...piece, method: "patch", summary: "Send the next piece" }, append);
  declare(app, deps, {
    ...shared,
    method: "delete",
    path: "/v1/uploads/{id}",
    summary: "Abandon an upload",
    params: idParamsSchema,
    responses: { 204: { description: "Removed", headers: ["Tus-Resumable"] } },
    errors: [404, 409],
  }, remove);
  declare(app, deps, {
    ...piece,
    method: "post",
    summary: "PATCH or DELETE for clients that cannot send them",
    headers: [{ ...header(OVERRIDE, "`PATCH` or `DELETE`"), schema: METHODS, required: true }, ...piece.headers],
    responses: { 204: { description: "As the overridden method responds", headers: ["Tus-Resumable"] } },
  }, (request) => {
    const method = request.c.req.header(OVERRIDE);
    if (method === "PATCH") return append(request);
    if (method === "DELETE") return remove(request);
    throw malformed("bad_header", `${OVERRIDE} is ${method?.slice(0, 50) ?? "missing"}; expected PATCH or DELETE`);
  });
}

type PieceRequest = Pick<RouteRequest<{ id: string }, unknown>, "c" | "params" | "caller">;

/** Appends a piece. An empty one repeats the final step, for a client that did not get its response. */
function pieceOf(c: AppContext, { settings }: AppDeps): ReadableStream<Uint8Array> {
  if (c.req.raw.body === null) return new Blob([]).stream();
  return bodyStream(c, settings, settings.maxUploadBytes);
}

function abilities({ settings }: AppDeps): Record<string, string> {
  return {
    "Tus-Resumable": TUS,
    "Tus-Version": TUS,
    "Tus-Extension": "creation,checksum,expiration,termination",
    "Tus-Checksum-Algorithm": "sha1,sha256",
    "Tus-Max-Size": String(settings.maxUploadBytes),
    "Allow": "OPTIONS, POST",
  };
}

function state({ offset, sizeBytes, expiresMs, cube }: Upload): Record<string, string> {
  return {
    "Tus-Resumable": TUS,
    "Upload-Offset": String(offset),
    "Upload-Length": String(sizeBytes),
    "Upload-Expires": new Date(expiresMs).toUTCString(),
    ...(cube ? { "Content-Location": `/v1/cubes/${cube}` } : {}),
  };
}

function requireTusVersion(c: AppContext): void {
  const version = c.req.header("tus-resumable");
  if (version === TUS) return;
  throw new LoopscopeError("precondition", "tus_version", `Tus-Resumable is ${version ?? "missing"}; expected ${TUS}`);
}

function lengthOf(c: AppContext): number {
  if (c.req.header("upload-defer-length")) {
    throw malformed(
      "bad_header",
      "Received Upload-Defer-Length; expected Upload-Length: the space is asked for beforehand",
    );
  }
  return wholeNumber(c, "Upload-Length");
}

function wholeNumber(c: AppContext, name: string): number {
  const text = c.req.header(name) ?? "";
  const value = Number(text);
  if (/^[0-9]{1,15}$/.test(text) && Number.isSafeInteger(value)) return value;
  throw malformed(
    "bad_header",
    `${name} is ${text === "" ? "missing" : text.slice(0, 50)}; expected a whole number of bytes`,
  );
}

const MAX_METADATA_CHARACTERS = 8192;

function metadataOf(c: AppContext): Record<string, string> {
  const text = c.req.header("upload-metadata") ?? "";
  if (text.length > MAX_METADATA_CHARACTERS) {
    const message =
      `Received Upload-Metadata of ${text.length} characters; expected at most ${MAX_METADATA_CHARACTERS}`;
    throw malformed("bad_header", message);
  }
  const pairs = text.split(",").map((pair) => pair.trim()).filter(Boolean).map((pair): [string, string] => {
    const [name, value = ""] = pair.split(/\s+/);
    return [name, decodeText(name, value)];
  });
  const twice = pairs.find(([name], i) => pairs.findIndex(([other]) => other === name) < i);
  if (twice) {
    throw malformed("bad_header", `Upload-Metadata has ${twice[0].slice(0, 50)} twice; expected each name once`);
  }
  return Object.fromEntries(pairs);
}

function decodeText(name: string, value: string): string {
  const text = new TextDecoder("utf-8", { fatal: true });
  try {
    return text.decode(Uint8Array.fromBase64(value)).slice(0, 1024);
  } catch (cause) {
    throw malformed("bad_header", `Upload-Metadata: ${name.slice(0, 50)} is not base64 of UTF-8 text`, { cause });
  }
}

function checksumOf(c: AppContext): AppendOptions["checksum"] {
  const text = c.req.header("upload-checksum");
  if (text === undefined) return undefined;
  const [algorithm, digest = ""] = text.split(" ");
  if (algorithm !== "sha1" && algorithm !== "sha256") {
    throw malformed(
      "bad_header",
      `Upload-Checksum has the algorithm ${algorithm.slice(0, 50)}; expected sha1 or sha256`,
    );
  }
  try {
    return { algorithm, digest: Uint8Array.fromBase64(digest) };
  } catch (cause) {
    throw malformed("bad_header", "Upload-Checksum is not base64", { cause });
  }
}
