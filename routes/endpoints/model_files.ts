import { versionParamsSchema } from "../../lib/schemas/paths.ts";
import { noQuerySchema } from "../../lib/schemas/queries.ts";
import type { AppDeps } from "../context.ts";
import { type App, declare } from "../openapi/declare_route.ts";
import { fileResponses, NOT_MODIFIED, RANGE_HEADERS } from "../openapi/result_docs.ts";
import { attachment } from "../response/attachment.ts";
import { bytesResponse } from "../response/bytes_response.ts";
import { cacheHeaders, notModified, tagOf } from "../response/conditional.ts";
import { rangeResponse } from "../response/range_response.ts";
import { holdBytes } from "../response/response_backpressure.ts";

const BINARY = { type: "string", format: "binary" };

/** Models as files for other programs. */
export function mountModelFiles(app: App, deps: AppDeps): void {
  const { models } = deps.services;
  declare(app, deps, {
    method: "get",
    path: "/v1/models/{name}/versions/{version}/onnx",
    tag: "Models",
    summary: "The model as ONNX, with its scaler inside",
    description:
      "For any runtime of opset 17. Input `x` (N x window x window, or N x points), outputs `y` and `latent`, of an " +
      "ensemble also `spread` (half-width of the 90 % band), all in physical units. Metadata name version, axis, units " +
      "and licence.",
    scope: "read",
    params: versionParamsSchema,
    query: noQuerySchema,
    responses: {
      200: {
        description: "ONNX",
        content: { "application/octet-stream": { schema: BINARY } },
        headers: ["Content-Disposition"],
      },
      304: NOT_MODIFIED,
    },
    errors: [404],
  }, async ({ c, params: { name, version } }) => {
    const { weights, version: number } = await models.version(name, version);
    const tag = tagOf("onnx", name, String(number), weights.sha256, deps.settings.version);
    const headers = cacheHeaders(tag, /^[0-9]+$/.test(version) ? "immutable" : "revalidate");
    const known = notModified(c, headers);
    if (known) return known;
    const pieces = await models.onnx(name, version);
    holdBytes(c, pieces.reduce((sum, { length }) => sum + length, 0));
    const about = {
      "Content-Type": "application/octet-stream",
      "Content-Disposition": attachment(`${name}-${number}.onnx`),
    };
    return bytesResponse(pieces, { ...headers, ...about });
  });

  declare(app, deps, {
    method: "get",
    path: "/v1/models/{name}/versions/{version}/archive",
    tag: "Models",
    summary: "The model, its card, its check and ONNX as one ZIP archive",
    description: "What `POST /v1/models` of another service takes. The card is `README.md`, as model hubs want it.",
    scope: "read",
    params: versionParamsSchema,
    query: noQuerySchema,
    headers: RANGE_HEADERS,
    responses: fileResponses("ZIP", ["application/zip"]),
    errors: [404, 416],
  }, async ({ c, params: { name, version } }) => {
    const { weights, version: number } = await models.version(name, version);
    const tag = tagOf("archive", name, String(number), weights.sha256, deps.settings.version);
    const headers = cacheHeaders(tag, /^[0-9]+$/.test(version) ? "immutable" : "revalidate");
    const known = notModified(c, headers);
    if (known) return known;
    const archive = await models.archive(name, version);
    holdBytes(c, archive.sizeBytes);
    return rangeResponse(c.req.raw.headers, archive, {
      ...headers,
      "Content-Type": "application/zip",
      "Content-Disposition": attachment(`${name}-${number}.zip`),
    });
  });
}
