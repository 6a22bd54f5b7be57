import type { z } from "@hono/zod-openapi";
import { appliedParamsSchema, idParamsSchema } from "../../lib/schemas/paths.ts";
import { cubeResultQuerySchemas, modelResultQuerySchemas } from "../../lib/schemas/queries.ts";
import type { ComponentName } from "../../lib/schemas/openapi.ts";
import type { CubeResultName, ModelResultName, Outcome } from "../../lib/service/services.ts";
import type { ResultOrigin } from "../../lib/formats/hdf5/writer/result_plan.ts";
import { cacheHeaders, notModified } from "../response/conditional.ts";
import type { AppContext, AppDeps } from "../context.ts";
import { type App, declare } from "../openapi/declare_route.ts";
import { holdResponse } from "../response/response_backpressure.ts";
import { appliedPreference, preferredWaitMs } from "../request/prefer.ts";
import { renderResult, resultTypeOf } from "../response/render_result.ts";
import { PREFER_HEADER, resultResponses } from "../openapi/result_docs.ts";

interface ResultRoute<Name extends string> {
  result: Name;
  schema: ComponentName;
  path: string;
  summary: string;
  /** The array that is sent as NPY or raw float32. */
  main: string;
}

const CUBE_RESULTS: ResultRoute<CubeResultName>[] = [
  {
    result: "pca",
    schema: "Pca",
    path: "pca",
    summary: "Principal components: spectra, maps, explained variance",
    main: "maps",
  },
  { result: "nmf", schema: "Nmf", path: "nmf", summary: "Non-negative factors: spectra and maps", main: "maps" },
  {
    result: "loops",
    schema: "Loops",
    path: "loops",
    summary: "Hysteresis-loop parameters per pixel, as maps",
    main: "area",
  },
  {
    result: "sho",
    schema: "Sho",
    path: "sho",
    summary: "Harmonic-oscillator fits of band-excitation spectra",
    main: "amplitude",
  },
  { result: "patchGmm", schema: "PatchGmm", path: "patches/gmm", summary: "Mixture of image patches", main: "labels" },
  {
    result: "dbscan",
    schema: "PatchDbscan",
    path: "patches/dbscan",
    summary: "Density clusters of image patches",
    main: "labels",
  },
];

const MODEL_RESULTS: ResultRoute<ModelResultName>[] = [
  {
    result: "predictions",
    schema: "Predictions",
    path: "predictions",
    summary: "Predictions at every pixel, or all about one",
    main: "predicted",
  },
  {
    result: "errors",
    schema: "Errors",
    path: "errors",
    summary: "Error maps and scores of train, guard and test pixels",
    main: "mse",
  },
  {
    result: "consensus",
    schema: "Consensus",
    path: "consensus",
    summary: "Average of unlike methods, its error maps, and what no method explains",
    main: "output",
  },
  { result: "latents", schema: "Latents", path: "latents", summary: "Latent variables as maps", main: "latents" },
  {
    result: "gmm",
    schema: "Gmm",
    path: "gmm",
    summary: "Mixture of latents: characteristic spectra and patches",
    main: "labels",
  },
  {
    result: "manifold",
    schema: "Manifold",
    path: "manifold",
    summary: "The latent plane decoded on a grid",
    main: "decoded",
  },
  { result: "suggest", schema: "Suggest", path: "suggest", summary: "Where to measure next", main: "scores" },
  {
    result: "jacobian",
    schema: "Jacobian",
    path: "jacobian",
    summary: "What each latent does to the output, on a grid",
    main: "jacobian",
  },
  {
    result: "loops",
    schema: "ModelLoops",
    path: "loops",
    summary: "Loop parameters, measured against predicted",
    main: "difference.area",
  },
  { result: "dbscan", schema: "Dbscan", path: "dbscan", summary: "Density clusters of latents", main: "labels" },
  { result: "pca", schema: "Pca", path: "pca", summary: "Principal components of predicted spectra", main: "maps" },
  { result: "nmf", schema: "Nmf", path: "nmf", summary: "Non-negative factors of predicted spectra", main: "maps" },
];

/** Results derived from a cube, or from a model and a cube: GET only, cacheable, slow ones through a job. */
export function mountResults(app: App, deps: AppDeps): void {
  const { results } = deps.services;
  for (const { result, schema, path, summary, main } of CUBE_RESULTS) {
    declare(app, deps, {
      method: "get",
      path: `/v1/cubes/{id}/${path}`,
      tag: "Results of a cube",
      summary,
      scope: "read",
      params: idParamsSchema,
      query: cubeResultQuerySchemas[result] as z.ZodObject,
      headers: [PREFER_HEADER],
      responses: resultResponses(summary, schema),
      errors: [404, 406],
    }, ({ c, params, query, caller }) => {
      const ask = (waitMs: number) => results.ofCube(result, params.id, query, waitMs, caller);
      return renderOutcome(c, deps, { ask, main, version: undefined, origin: { result, cube: params.id, query } });
    });
  }
  for (const { result, schema, path, summary, main } of MODEL_RESULTS) {
    declare(app, deps, {
      method: "get",
      path: `/v1/models/{name}/versions/{version}/cubes/{cube}/${path}`,
      tag: "A model applied to a cube",
      summary,
      scope: "read",
      params: appliedParamsSchema,
      query: modelResultQuerySchemas[result] as z.ZodObject,
      headers: [PREFER_HEADER],
      responses: resultResponses(summary, schema),
      errors: [404, 406],
    }, ({ c, params: { name, version, cube }, query, caller }) => {
      const ask = (waitMs: number) => results.ofModel(result, { name, version }, cube, query, waitMs, caller);
      return renderOutcome(c, deps, { ask, main, version, origin: { result, cube, query, model: name } });
    });
  }
}

interface Asked {
  ask: (waitMs: number) => Promise<Outcome>;
  main: string;
  /** As in the URL: an alias may point to another version later. */
  version: string | undefined;
  origin: { result: string; cube: string; query: Record<string, unknown>; model?: string };
}

async function renderOutcome(c: AppContext, deps: AppDeps, asked: Asked): Promise<Response> {
  const { settings } = deps;
  const { ask, main, version } = asked;
  const type = resultTypeOf(c.req.header("accept"));
  const preferredMs = preferredWaitMs(c, settings.maxWaitMs);
  const outcome = await ask(preferredMs ?? settings.resultWaitMs);
  const applied = appliedPreference(preferredMs);
  if (outcome.kind === "pending") {
    const headers = {
      ...applied,
      "Location": `/v1/jobs/${outcome.job.id}`,
      "Retry-After": "2",
      "Cache-Control": "no-store",
    };
    return Response.json(outcome.job, { status: 202, headers });
  }
  const fixed = version === undefined || /^[0-9]+$/.test(version);
  const tag = `${outcome.etag.replace(/[^\x21\x23-\x7e]/g, "")}.${type.split("/")[1]}`;
  const headers = { ...applied, ...cacheHeaders(tag, fixed ? "immutable" : "revalidate") };
  const known = notModified(c, headers);
  if (known) return known;
  holdResponse(c, outcome.value);
  const origin = type === "application/x-hdf5" || type === "text/csv" ? await originOf(deps, asked) : undefined;
  return renderResult(type, outcome.value, { headers, main, origin });
}

/** What an HDF5 file says: the model, the cube with its axes, and the parameters. */
async function originOf({ services, settings }: AppDeps, { origin, version }: Asked): Promise<ResultOrigin> {
  const { result, cube: id, query, model } = origin;
  const cube = await services.cubes.get(id);
  const about = { result, parameters: JSON.stringify(query), cube: id, cube_name: cube.name, cube_sha256: cube.sha256 };
  const of = { quantity: cube.quantity, unit: cube.unit, loopscope: settings.version };
  if (model === undefined) return { attributes: { ...about, ...of }, axes: cube.axes };
  const { version: number } = await services.models.version(model, version!);
  return { attributes: { ...about, ...of, model, version: number }, axes: cube.axes };
}
