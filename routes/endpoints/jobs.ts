import type { JobRecord } from "../../lib/schemas/job.ts";
import { trainRequestSchema } from "../../lib/schemas/job.ts";
import { withRecipeDefaults } from "../../lib/schemas/recipe.ts";
import { idParamsSchema, noParamsSchema } from "../../lib/schemas/paths.ts";
import { jobsQuerySchema, noQuerySchema } from "../../lib/schemas/queries.ts";
import type { Caller } from "../../lib/service/services.ts";
import { requireOwner } from "../middleware/access.ts";
import { check } from "../request/validate.ts";
import type { AppContext, AppDeps } from "../context.ts";
import { type App, declare, json } from "../openapi/declare_route.ts";
import { TRAIN_EXAMPLE } from "../openapi/examples.ts";
import { eventStream, lastEventId } from "../response/event_stream.ts";
import { appliedPreference, preferredWaitMs } from "../request/prefer.ts";
import { readJson } from "../request/read_json.ts";
import { PREFER_HEADER } from "../openapi/result_docs.ts";

const TAG = "Jobs";

/** `/v1/jobs`: train, watch, cancel. */
export function mountJobs(app: App, deps: AppDeps): void {
  const { jobs } = deps.services;
  declare(app, deps, {
    method: "post",
    path: "/v1/jobs",
    tag: TAG,
    summary: "Train a model",
    description:
      "The region is where training pixels' centres lie; every other pixel is for testing, except a guard band.",
    scope: "train",
    publicWith: "publicTraining",
    params: noParamsSchema,
    query: noQuerySchema,
    headers: [PREFER_HEADER],
    body: json("TrainRequest", TRAIN_EXAMPLE),
    responses: {
      202: { description: "Queued; Location names the job", content: json("Job"), headers: ["Preference-Applied"] },
    },
    errors: [404, 409],
  }, async ({ c, caller }) => {
    const request = check(trainRequestSchema.strict(), withRecipeDefaults(await readJson(c, deps.settings)), "body");
    const job = await jobs.submit(request, caller);
    const waitMs = preferredWaitMs(c, deps.settings.maxWaitMs);
    const seen = waitMs ? await jobs.waitFor(job.id, waitMs, caller.signal) : job;
    return jobResponse(seen, 202, appliedPreference(waitMs));
  });

  declare(app, deps, {
    method: "get",
    path: "/v1/jobs",
    tag: TAG,
    summary: "List jobs, newest first",
    scope: "read",
    params: noParamsSchema,
    query: jobsQuerySchema,
    responses: { 200: { description: "One page", content: json("JobPage") } },
  }, async ({ c, query, caller }) => {
    const { items, ...rest } = await jobs.list(query);
    const seen = await Promise.all(items.map((job) => asSeenBy(c, deps, { job, caller })));
    return Response.json({ items: seen, ...rest });
  });

  declare(app, deps, {
    method: "get",
    path: "/v1/jobs/{id}",
    tag: TAG,
    summary: "One job: state, progress, history, result",
    scope: "read",
    params: idParamsSchema,
    query: noQuerySchema,
    headers: [PREFER_HEADER],
    responses: { 200: { description: "The job", content: json("Job"), headers: ["Preference-Applied"] } },
    errors: [404],
  }, async ({ c, params, caller }) => {
    const waitMs = preferredWaitMs(c, deps.settings.maxWaitMs);
    const job = waitMs ? await jobs.waitFor(params.id, waitMs, caller.signal) : await jobs.get(params.id);
    return jobResponse(await asSeenBy(c, deps, { job, caller }), 200, appliedPreference(waitMs));
  });

  declare(app, deps, {
    method: "delete",
    path: "/v1/jobs/{id}",
    tag: TAG,
    summary: "Cancel a queued or running job",
    description: "Your own; another's needs a key with `admin`. Without a key, own is what came from the same address.",
    scope: "train",
    publicWith: "publicTraining",
    params: idParamsSchema,
    query: noQuerySchema,
    responses: { 200: { description: "The job as it now is", content: json("Job") } },
    errors: [404, 409],
  }, async ({ c, params, caller }) => {
    requireOwner(c, await jobs.owns(params.id, caller), `job ${params.id}`);
    return jobResponse(await jobs.cancel(params.id), 200);
  });
  mountEvents(app, deps);
}

function mountEvents(app: App, deps: AppDeps): void {
  const { jobs } = deps.services;
  declare(app, deps, {
    method: "get",
    path: "/v1/jobs/{id}/events",
    tag: TAG,
    summary: "Watch a job: server-sent events state, epoch and done",
    scope: "read",
    params: idParamsSchema,
    query: noQuerySchema,
    headers: [{ name: "Last-Event-ID", description: "Resume after this event", schema: { type: "string" } }],
    responses: {
      200: {
        description: "Events until `done`; the `id` of each serves as Last-Event-ID",
        content: { "text/event-stream": { schema: { type: "string" } } },
      },
    },
    errors: [404],
    untimed: true,
  }, async ({ c, params, caller }) => {
    await jobs.get(params.id, { bare: true }); // 404 before the stream starts
    const after = lastEventId(c.req.header("last-event-id"));
    const open = (signal: AbortSignal) => jobs.events(params.id, after, signal);
    return eventStream(open, { heartbeatMs: deps.settings.heartbeatMs, signal: caller.signal });
  });
}

/** Hides the webhook URL from other callers: it may contain a secret. */
async function asSeenBy(
  c: AppContext,
  { services }: AppDeps,
  { job, caller }: { job: JobRecord; caller: Caller },
): Promise<JobRecord> {
  if (job.request.kind !== "train" || job.request.webhook === undefined) return job;
  if (c.get("scopes").has("admin") || await services.jobs.owns(job.id, caller)) return job;
  const { webhook: _, ...request } = job.request;
  return { ...job, request };
}

function jobResponse(job: JobRecord, status: number, more: Record<string, string> = {}): Response {
  const headers = { Location: `/v1/jobs/${job.id}`, "Cache-Control": "no-store", ...more };
  return Response.json(job, { status, headers });
}
