import { experimentRequestSchema, finishSchema, measurementsSchema } from "../../lib/schemas/experiment.ts";
import { idParamsSchema, noParamsSchema } from "../../lib/schemas/paths.ts";
import {
  experimentNextQuerySchema,
  experimentPredictionQuerySchema,
  noQuerySchema,
  pageQuerySchema,
} from "../../lib/schemas/queries.ts";
import type { Caller } from "../../lib/service/services.ts";
import { requireOwner } from "../middleware/access.ts";
import type { AppContext, AppDeps } from "../context.ts";
import { type App, declare, json } from "../openapi/declare_route.ts";
import { arrayResponses, PREFER_HEADER } from "../openapi/result_docs.ts";
import { appliedPreference, preferredWaitMs } from "../request/prefer.ts";
import { readJson } from "../request/read_json.ts";
import { check } from "../request/validate.ts";
import { eventStream, lastEventId } from "../response/event_stream.ts";
import { renderResult, resultTypeOf } from "../response/render_result.ts";

const TAG = "Experiments";
const OPEN_EXAMPLE = { name: "night run", cube: "cube_01hv0000000000000000000000", strategy: "mixed", batch: 16 };
/** Of a rehearsal; of an instrument's points each has `values` as well. */
const POINTS_EXAMPLE = { points: [{ row: 12, col: 40 }, { row: 30, col: 8 }] };

/** `/v1/experiments`: measure, learn, choose the next points. */
export function mountExperiments(app: App, deps: AppDeps): void {
  const { experiments } = deps.services;
  const shared = { tag: TAG, params: idParamsSchema, query: noQuerySchema, errors: [404] } as const;

  declare(app, deps, {
    ...shared,
    method: "post",
    path: "/v1/experiments",
    summary: "Open an experiment",
    description:
      "On an image that is there before anything is measured, or as a rehearsal on a whole cube, whose spectra " +
      "are revealed only as they are asked for. The answer has the first points to measure.",
    scope: "train",
    params: noParamsSchema,
    body: json("ExperimentRequest", OPEN_EXAMPLE),
    responses: { 201: { description: "Open", content: json("Experiment"), headers: ["Location"] } },
  }, async ({ c, caller }) => {
    const request = check(experimentRequestSchema, await readJson(c, deps.settings), "body");
    const experiment = await experiments.open(request, caller);
    const headers = { Location: `/v1/experiments/${experiment.id}`, "Cache-Control": "no-store" };
    return Response.json(experiment, { status: 201, headers });
  });

  declare(app, deps, {
    ...shared,
    method: "get",
    path: "/v1/experiments",
    summary: "List experiments, newest first",
    scope: "read",
    params: noParamsSchema,
    query: pageQuerySchema,
    responses: { 200: { description: "One page", content: json("ExperimentPage") } },
  }, async ({ query }) => Response.json(await experiments.list(query)));

  declare(app, deps, {
    ...shared,
    method: "get",
    path: "/v1/experiments/{id}",
    summary: "One experiment; waits until the newest points are learned from",
    scope: "read",
    headers: [PREFER_HEADER],
    responses: { 200: { description: "The experiment", content: json("Experiment"), headers: ["Preference-Applied"] } },
  }, async ({ c, params: { id }, caller }) => {
    const seen = await experiments.get(id);
    const waitMs = preferredWaitMs(c, deps.settings.maxWaitMs);
    const view = waitMs ? await experiments.waitFor(id, seen.measured, waitMs, caller.signal) : seen;
    return Response.json(view, { headers: { "Cache-Control": "no-store", ...appliedPreference(waitMs) } });
  });

  declare(app, deps, {
    ...shared,
    method: "post",
    path: "/v1/experiments/{id}/measurements",
    summary: "Add measured points and get the next ones",
    description:
      "All or none are kept, durably when answered. In a rehearsal points have no values. Without points the next ones " +
      "are handed out all the same: so a second instrument joins. Nobody gets points that were handed out lately.",
    scope: "train",
    body: json("MeasurementsRequest", POINTS_EXAMPLE),
    responses: { 200: { description: "Kept", content: json("MeasuredAnswer") } },
    errors: [404, 409],
  }, async ({ c, params: { id }, caller }) => {
    const request = check(measurementsSchema, await readJson(c, deps.settings), "body");
    await requireOwn(c, id, caller);
    return Response.json(await experiments.measure(id, request, caller), { headers: { "Cache-Control": "no-store" } });
  });

  declare(app, deps, {
    ...shared,
    method: "get",
    path: "/v1/experiments/{id}/next",
    summary: "The next points to measure",
    scope: "read",
    query: experimentNextQuerySchema,
    responses: { 200: { description: "Points", content: json("NextPoints") } },
  }, async ({ params: { id }, query: { count } }) => {
    return Response.json({ next: await experiments.next(id, count) }, { headers: { "Cache-Control": "no-store" } });
  });

  declare(app, deps, {
    ...shared,
    method: "get",
    path: "/v1/experiments/{id}/prediction",
    summary: "Mean and spread of every pixel, and which were measured",
    scope: "read",
    query: experimentPredictionQuerySchema,
    responses: arrayResponses("`{mean, spread, measured, axis}`", "ExperimentPrediction"),
    errors: [404, 406, 409],
  }, async ({ c, params: { id }, query, caller }) => {
    const type = resultTypeOf(c.req.header("accept"));
    const headers = { "Cache-Control": "no-store" };
    return renderResult(type, await experiments.prediction(id, query, caller), { main: "mean", headers });
  });

  declare(app, deps, {
    ...shared,
    method: "get",
    path: "/v1/experiments/{id}/image",
    summary: "The image that the experiment was opened on",
    scope: "read",
    responses: arrayResponses("`{image}`", "ExperimentImage"),
    errors: [404, 406],
  }, async ({ c, params: { id } }) => {
    const type = resultTypeOf(c.req.header("accept"));
    return renderResult(type, await experiments.image(id), { main: "image", headers: { "Cache-Control": "no-store" } });
  });

  declare(app, deps, {
    ...shared,
    method: "get",
    path: "/v1/experiments/{id}/measurements",
    summary: "What was measured, in the order of measurement",
    scope: "read",
    responses: arrayResponses("`{points, values, axis}`: row and column, and the spectra", "ExperimentMeasurements"),
    errors: [404, 406],
  }, async ({ c, params: { id } }) => {
    const type = resultTypeOf(c.req.header("accept"));
    const headers = { "Cache-Control": "no-store" };
    return renderResult(type, await experiments.measurements(id), { main: "values", headers });
  });

  declare(app, deps, {
    ...shared,
    method: "get",
    path: "/v1/experiments/{id}/history",
    summary: "What each refit learned from, and the error on new points before that",
    scope: "read",
    responses: { 200: { description: "Batches", content: json("ExperimentHistory") } },
  }, async ({ params: { id } }) => Response.json(await experiments.history(id)));

  declare(app, deps, {
    ...shared,
    method: "get",
    path: "/v1/experiments/{id}/events",
    summary: "Watch an experiment: server-sent events batch, model, state and done",
    scope: "read",
    headers: [{ name: "Last-Event-ID", description: "Resume after this event", schema: { type: "string" } }],
    responses: {
      200: { description: "Events until `done`", content: { "text/event-stream": { schema: { type: "string" } } } },
    },
    untimed: true,
  }, async ({ c, params: { id }, caller }) => {
    await experiments.get(id); // 404 before the stream starts
    const after = lastEventId(c.req.header("last-event-id"));
    const open = (signal: AbortSignal) => experiments.events(id, after, signal);
    return eventStream(open, { heartbeatMs: deps.settings.heartbeatMs, signal: caller.signal });
  });

  declare(app, deps, {
    ...shared,
    method: "post",
    path: "/v1/experiments/{id}/finish",
    summary: "End an experiment: a cube of what was measured and, with saveAs, a training on it",
    scope: "train",
    body: json("FinishExperiment", { saveAs: "night-run" }),
    responses: { 200: { description: "Finished; `result` names the cube and the job", content: json("Experiment") } },
    errors: [404, 409],
  }, async ({ c, params: { id }, caller }) => {
    const options = check(finishSchema, await readJson(c, deps.settings), "body");
    await requireOwn(c, id, caller);
    return Response.json(await experiments.finish(id, options, caller));
  });

  declare(app, deps, {
    ...shared,
    method: "delete",
    path: "/v1/experiments/{id}",
    summary: "Delete an experiment with its points",
    scope: "train",
    responses: { 204: { description: "Deleted" } },
  }, async ({ c, params: { id }, caller }) => {
    await requireOwn(c, id, caller);
    await experiments.remove(id);
    return new Response(null, { status: 204 });
  });

  async function requireOwn(c: AppContext, id: string, caller: Caller): Promise<void> {
    requireOwner(c, await experiments.owns(id, caller), `experiment ${id}`);
  }
}
