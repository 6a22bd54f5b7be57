import { idParamsSchema } from "../../lib/schemas/paths.ts";
import { noQuerySchema } from "../../lib/schemas/queries.ts";
import type { AppDeps } from "../context.ts";
import { type App, declare } from "../openapi/declare_route.ts";
import { fileResponses, RANGE_HEADERS } from "../openapi/result_docs.ts";
import { attachment, withEnding } from "../response/attachment.ts";
import { cacheHeaders, notModified, tagOf } from "../response/conditional.ts";
import { negotiate } from "../response/negotiate.ts";
import { holdBytes } from "../response/response_backpressure.ts";
import { rangeResponse } from "../response/range_response.ts";

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
    responses: fileResponses("The file", ["application/octet-stream"]),
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

  declare(app, deps, {
    method: "get",
    path: "/v1/cubes/{id}/values",
    tag: "Cubes",
    summary: "The cube as it is used, as one file",
    description:
      "After repair and preparation, in float32. `application/x-hdf5` (also the default): one file that NSID's readers, " +
      "HyperSpy and H5Web open, with axes, mask and image channels; the upload of it gives the same cube. " +
      "`application/x-npz`: arrays `values`, `mask` (1 where repaired), `axes/…`, `maps/…` and `metadata` (JSON). " +
      "`application/x-npy`: the values alone.",
    scope: "read",
    params: idParamsSchema,
    query: noQuerySchema,
    headers: RANGE_HEADERS,
    responses: fileResponses("The file", Object.keys(FORMATS)),
    errors: [404, 406, 416],
    untimed: true,
  }, async ({ c, params: { id } }) => {
    const type = negotiate(c.req.header("accept"), Object.keys(FORMATS) as (keyof typeof FORMATS)[]);
    const { format, ending } = FORMATS[type];
    const cube = await cubes.get(id);
    // A new name or image channel changes the file.
    const headers = cacheHeaders(tagOf(JSON.stringify(cube), type, deps.settings.version), "revalidate");
    const known = notModified(c, headers);
    if (known) return known;
    const { source, heldBytes } = await cubes.values(id, format);
    holdBytes(c, Math.min(heldBytes, source.sizeBytes));
    return rangeResponse(c.req.raw.headers, source, {
      ...headers,
      "Content-Type": type,
      "Content-Disposition": attachment(withEnding(cube.name, ending)),
      "Vary": "Accept",
    });
  });
}

const FORMATS = {
  "application/x-hdf5": { format: "hdf5", ending: ".h5" },
  "application/x-npy": { format: "npy", ending: ".npy" },
  "application/x-npz": { format: "npz", ending: ".npz" },
} as const;
