import { type CubeRecord, renameCubeSchema } from "../../lib/schemas/cube.ts";
import { idParamsSchema, noParamsSchema } from "../../lib/schemas/paths.ts";
import {
  mapQuerySchema,
  mapUploadQuerySchema,
  newCubeQuerySchema,
  noQuerySchema,
  pageQuerySchema,
  spectrumQuerySchema,
  uploadQuerySchema,
} from "../../lib/schemas/queries.ts";
import { requireOwner } from "../middleware/access.ts";
import { cacheHeaders, notModified, requireUnchanged, tagOf } from "../response/conditional.ts";
import type { AppContext, AppDeps } from "../context.ts";
import { type App, declare, json } from "../openapi/declare_route.ts";
import { holdResponse } from "../response/response_backpressure.ts";
import { renderResult, resultTypeOf } from "../response/render_result.ts";
import { arrayResponses, FILE_BODY, NOT_MODIFIED } from "../openapi/result_docs.ts";
import { readJson } from "../request/read_json.ts";
import { withUploadedFile } from "../request/uploaded_file.ts";
import { check } from "../request/validate.ts";

const TAG = "Cubes";

const MADE = { id: "$response.body#/id" };
const CUBE_LINKS = {
  get_v1_cubes_id: MADE,
  get_v1_cubes_id_map: MADE,
  get_v1_cubes_id_pca: MADE,
  delete_v1_cubes_id: MADE,
};

/** `/v1/cubes`: upload, list, read, delete. */
export function mountCubes(app: App, deps: AppDeps): void {
  const { services } = deps;
  declare(app, deps, {
    method: "post",
    path: "/v1/cubes",
    tag: TAG,
    summary: "Upload a hyperspectral cube",
    description:
      "The file as the body or as the form field `file`: HDF5 (NSID, USID, HyperSpy, NeXus, plain), NPY, NPZ " +
      "and others. It is checked, repaired and stored; the same bytes and options again give the cube that is there. " +
      "In a form the options of the query may be fields before `file`. Without a name the file's own is taken: of the " +
      "form, or of the header `Content-Disposition: attachment; filename=…`. `axis`, `quantity`, `unit` and `pixel` win " +
      "over what the file says; with `from` the bytes of a cube that is there are read again.",
    scope: "train",
    publicWith: "publicUploads",
    params: noParamsSchema,
    query: newCubeQuerySchema,
    headers: [{
      name: "Content-Disposition",
      description: 'The file\'s name: `attachment; filename="film.h5"`',
      schema: { type: "string" },
    }],
    body: FILE_BODY,
    responses: {
      200: {
        description: "The same bytes and options were there already",
        content: json("Cube"),
        headers: ["Location"],
        links: CUBE_LINKS,
      },
      201: { description: "Stored", content: json("Cube"), links: CUBE_LINKS },
    },
    errors: [404, 409],
    untimed: true,
  }, async ({ c, query: { from, ...query }, caller }) => {
    const schema = uploadQuerySchema;
    const made = (cube: CubeRecord, created: boolean) => {
      return Response.json(cube, { status: created ? 201 : 200, headers: { Location: `/v1/cubes/${cube.id}` } });
    };
    if (from !== undefined) {
      const { cube, created } = await services.cubes.addFrom(from, query, caller);
      return made(cube, created);
    }
    const { cube, created } = await withUploadedFile(c, deps, { schema, query }, (body, options) => {
      return services.cubes.add(body, options, caller);
    });
    return made(cube, created);
  });

  declare(app, deps, {
    method: "get",
    path: "/v1/cubes",
    tag: TAG,
    summary: "List cubes, newest first",
    scope: "read",
    params: noParamsSchema,
    query: pageQuerySchema,
    responses: { 200: { description: "One page", content: json("CubePage") } },
  }, async ({ query }) => Response.json(await services.cubes.list(query)));

  declare(app, deps, {
    method: "get",
    path: "/v1/cubes/{id}",
    tag: TAG,
    summary: "One cube: shape, axes, health, choices",
    scope: "read",
    params: idParamsSchema,
    query: noQuerySchema,
    responses: { 200: { description: "The cube", content: json("Cube") }, 304: NOT_MODIFIED },
    errors: [404],
  }, async ({ c, params }) => {
    const body = JSON.stringify(await services.cubes.get(params.id));
    const headers = cacheHeaders(tagOf(body), "revalidate");
    return notModified(c, headers) ??
      new Response(body, { headers: { ...headers, "Content-Type": "application/json", "Vary": "Accept" } });
  });

  declare(app, deps, {
    method: "patch",
    path: "/v1/cubes/{id}",
    tag: TAG,
    summary: "Give a cube another name",
    description: "Your own; another's needs a key with `admin`. Nothing else of a cube changes.",
    scope: "train",
    publicWith: "publicUploads",
    params: idParamsSchema,
    query: noQuerySchema,
    headers: [{ name: "If-Match", description: "The ETag of the cube", schema: { type: "string" } }],
    body: json("RenameCube", { name: "PbTiO3 film, 2nd cooling" }),
    responses: { 200: { description: "The cube", content: json("Cube"), headers: ["ETag"] } },
    errors: [404, 412],
  }, async ({ c, params: { id }, caller }) => {
    const { name } = check(renameCubeSchema, await readJson(c, deps.settings), "body");
    requireOwner(c, await services.cubes.owns(id, caller), `cube ${id}`);
    requireUnchanged(c, tagOf(JSON.stringify(await services.cubes.get(id))));
    const body = JSON.stringify(await services.cubes.rename(id, name));
    const headers = { ...cacheHeaders(tagOf(body), "revalidate"), "Content-Type": "application/json" };
    return new Response(body, { headers });
  });

  declare(app, deps, {
    method: "delete",
    path: "/v1/cubes/{id}",
    tag: TAG,
    summary: "Delete a cube that no job uses",
    description: "Your own; another's needs a key with `admin`. Without a key, own is what came from the same address.",
    scope: "train",
    publicWith: "publicUploads",
    params: idParamsSchema,
    query: noQuerySchema,
    headers: [{ name: "If-Match", description: "The ETag of the cube", schema: { type: "string" } }],
    responses: { 204: { description: "Deleted" } },
    errors: [404, 409, 412],
  }, async ({ c, params, caller }) => {
    requireOwner(c, await services.cubes.owns(params.id, caller), `cube ${params.id}`);
    requireUnchanged(c, tagOf(JSON.stringify(await services.cubes.get(params.id))));
    await services.cubes.remove(params.id);
    return new Response(null, { status: 204 });
  });
  mountCubeViews(app, deps);
}

function mountCubeViews(app: App, deps: AppDeps): void {
  const { cubes } = deps.services;
  declare(app, deps, {
    method: "post",
    path: "/v1/cubes/{id}/maps",
    tag: TAG,
    summary: "Add a separate image channel on the cube's grid",
    description: "The same values under the same name again change nothing, others are a conflict.",
    scope: "train",
    params: idParamsSchema,
    query: mapUploadQuerySchema,
    body: FILE_BODY,
    responses: { 201: { description: "The cube with its new channel", content: json("Cube"), links: CUBE_LINKS } },
    errors: [404, 409],
    untimed: true,
  }, async ({ c, params, query, caller }) => {
    await cubes.get(params.id); // 404 before the file is read
    const schema = mapUploadQuerySchema;
    const cube = await withUploadedFile(c, deps, { schema, query }, (body, options) => {
      return cubes.addMap(params.id, body, options, caller);
    });
    return Response.json(cube, { status: 201, headers: { Location: `/v1/cubes/${cube.id}` } });
  });

  declare(app, deps, {
    method: "get",
    path: "/v1/cubes/{id}/map",
    tag: TAG,
    summary: "The map at one spectral value, or a separate image channel",
    scope: "read",
    params: idParamsSchema,
    query: mapQuerySchema,
    responses: arrayResponses("`{index, at, axis, values}`", "MapResult"),
    errors: [404, 406],
  }, ({ c, params, query }) => cubeView(c, deps, params.id, () => cubes.map(params.id, query)));

  declare(app, deps, {
    method: "get",
    path: "/v1/cubes/{id}/spectrum",
    tag: TAG,
    summary: "The spectrum of one pixel, or the mean around it",
    scope: "read",
    params: idParamsSchema,
    query: spectrumQuerySchema,
    responses: arrayResponses("`{row, col, axis, values, count}`", "SpectrumResult"),
    errors: [404, 406],
  }, ({ c, params: { id }, query, caller: { signal } }) => {
    return cubeView(c, deps, id, () => cubes.spectrum(id, query, signal));
  });
}

/** A view of a cube is as immutable as the cube, so its ETag is known before it is computed. */
async function cubeView(
  c: AppContext,
  { services, settings }: AppDeps,
  id: string,
  view: () => ReturnType<AppDeps["services"]["cubes"]["map"]>,
): Promise<Response> {
  const { sha256, name, axes } = await services.cubes.get(id);
  const type = resultTypeOf(c.req.header("accept"));
  const headers = cacheHeaders(tagOf(c.req.url, sha256, type, settings.version), "immutable");
  const known = notModified(c, headers);
  if (known && c.req.header("if-none-match") !== "*") return known; // a tag was only ever given for something that exists
  const value = await view();
  holdResponse(c, value);
  return known ?? renderResult(type, value, {
    headers,
    main: "values",
    origin: { attributes: { cube: id, cube_name: name, cube_sha256: sha256 }, axes },
  });
}
