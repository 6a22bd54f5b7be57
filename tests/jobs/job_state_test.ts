import fc from "fast-check";
import {
  isFinished,
  type JobAction,
  type JobStatus,
  MAX_WORKERS_LOST,
  transition,
} from "../../lib/jobs/queue/job_state.ts";
import { assert, assertEquals } from "../support/assert.ts";

const QUEUED: JobStatus = { state: "queued", attempts: 0 };
const RUNNING: JobStatus = { state: "running", attempts: 0 };

const actions: fc.Arbitrary<JobAction> = fc.oneof(
  ...(["start", "epoch", "succeed", "cancel", "restart"] as const).map((type) => fc.constant({ type })),
  fc.record({ type: fc.constant("fail" as const), code: fc.string(), detail: fc.string() }),
  fc.record({ type: fc.constant("workerLost" as const), detail: fc.string() }),
);

/** The status after each action that was allowed, the first included. */
function follow(sequence: JobAction[]): { action: JobAction; before: JobStatus; after: JobStatus }[] {
  let status = QUEUED;
  const steps = [];
  for (const action of sequence) {
    const after = transition(status, action);
    if (!after) continue;
    steps.push({ action, before: status, after });
    status = after;
  }
  return steps;
}

Deno.test("a finished job never changes", () => {
  for (const state of ["succeeded", "failed", "cancelled"] as const) {
    fc.assert(fc.property(actions, (action) => assertEquals(transition({ state, attempts: 1 }, action), undefined)));
  }
});

Deno.test("a queued job is started or cancelled, nothing else", () => {
  assertEquals(transition(QUEUED, { type: "start" }), RUNNING);
  assertEquals(transition(QUEUED, { type: "cancel" }), { state: "cancelled", attempts: 0 });
  for (const type of ["epoch", "succeed", "restart"] as const) assertEquals(transition(QUEUED, { type }), undefined);
  assertEquals(transition(QUEUED, { type: "workerLost", detail: "" }), undefined);
});

Deno.test("a running job ends as the action says", () => {
  assertEquals(transition(RUNNING, { type: "succeed" })?.state, "succeeded");
  assertEquals(transition(RUNNING, { type: "cancel" })?.state, "cancelled");
  const error = { code: "loss_is_nan", detail: "The loss is NaN" };
  assertEquals(transition(RUNNING, { type: "fail", ...error }), { state: "failed", attempts: 0, error });
  assertEquals(transition(RUNNING, { type: "start" }), undefined);
});

Deno.test("a job that loses its worker is tried once more, then failed for good", () => {
  const once = transition(RUNNING, { type: "workerLost", detail: "SIGKILL" });
  assertEquals(once, { state: "queued", attempts: 1 });
  const twice = transition({ ...once!, state: "running" }, { type: "workerLost", detail: "SIGKILL" });
  assertEquals(twice?.state, "failed");
  assertEquals(twice?.error?.code, "worker_lost");
  assert.match(twice?.error?.detail ?? "", /2 times: SIGKILL/);
});

Deno.test("a restart of the service is not held against the job", () => {
  let status: JobStatus = { state: "running", attempts: 1 };
  for (let i = 0; i < 10; i++) {
    status = transition(transition(status, { type: "restart" })!, { type: "start" })!;
  }
  assertEquals(status, { state: "running", attempts: 1 });
});

Deno.test("any sequence of actions: attempts only grow, workers are lost at most twice, running comes from queued", () => {
  fc.assert(fc.property(fc.array(actions, { maxLength: 40 }), (sequence) => {
    const steps = follow(sequence);
    for (const { action, before, after } of steps) {
      assert.ok(after.attempts >= before.attempts);
      assert.ok(after.attempts <= MAX_WORKERS_LOST);
      if (after.state === "running" && action.type !== "epoch") assertEquals(before.state, "queued");
      if (after.state === "queued") assert.ok(action.type === "restart" || action.type === "workerLost");
      assertEquals(after.error !== undefined, after.state === "failed");
    }
    assert.ok(steps.filter(({ after }) => isFinished(after.state)).length <= 1);
  }));
});
