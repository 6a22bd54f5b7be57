import { idParamsSchema } from "../../lib/schemas/paths.ts";
import { noQuerySchema } from "../../lib/schemas/queries.ts";
import type { AppDeps } from "../context.ts";
import { type App, declare } from "../openapi/declare_route.ts";
import { NOT_MODIFIED, PARTIAL, RANGE_HEADERS } from "../openapi/result_docs.ts";
import { attachment } from "../response/attachment.ts";
import { cacheHeaders, notModified } from "../response/conditional.ts";
import { rangeResponse } from "../response/range_response.ts";

const BINARY = { type: "string", format: "binary" };

/** What was uploaded and what is used of it, as files. */
export function mountCubeData(app: App, deps: AppDeps): void {
  const { cubes } = deps.services;
  declare(app, deps, {
    method: "get",
    path: "/v1/cubes/{id}/file",
    tag: "Cubes",
    summary: "The file as it was uploaded, byte for byte",
    description: "404 with the code `file_not_kept` where only the cube is there.",
    scope: "read",
    params: idParamsSchema,
    query: noQuerySchema,
    headers: RANGE_HEADERS,
    responses: {
      200: {
        description: "The file",
        content: { "application/octet-stream": { schema: BINARY } },
        headers: ["Content-Disposition", "Accept-Ranges"],
      },
      206: PARTIAL,
      304: NOT_MODIFIED,
    },
    errors: [404, 416],
    untimed: true,
  }, async ({ c, params: { id } }) => {
    const { name, sha256 } = await cubes.get(id);
    const headers = cacheHeaders(sha256, "immutable");
    const known = notModified(c, headers);
    if (known) return known;
    const source = await cubes.file(id);
    return rangeResponse(c.req.raw.headers, source, {
      ...headers,
      "Content-Type": "application/octet-stream",
      "Content-Disposition": attachment(name),
    });
  });
}
