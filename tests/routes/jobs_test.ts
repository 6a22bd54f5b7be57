import { assert, assertEquals } from "../support/assert.ts";
import type { JobEvent } from "../../lib/service/services.ts";
import { eventStream, lastEventId } from "../../routes/response/event_stream.ts";
import { postJson, testApp } from "./support/test_app.ts";

const TRAIN = { kind: "train", direction: "im2spec", cube: "cube_1", saveAs: "film" };
const NEVER = new AbortController().signal;

Deno.test("a job is accepted with its defaults, watched, listed by state and cancelled", async () => {
  const app = testApp();
  const answer = await app.request("/v1/jobs", postJson(TRAIN));
  const job = await answer.json();
  assertEquals([answer.status, answer.headers.get("location")], [202, `/v1/jobs/${job.id}`]);
  assertEquals([job.request.window, job.request.epochs, job.request.seed], [8, 100, 1]);
  assertEquals((await (await app.request(`/v1/jobs/${job.id}`)).json()).state, "queued");
  const waited = await app.request(`/v1/jobs/${job.id}`, { headers: { Prefer: "wait=0" } });
  assertEquals(waited.headers.get("preference-applied"), "wait=0");
  assertEquals((await (await app.request("/v1/jobs?state=queued")).json()).items.length, 1);
  assertEquals((await (await app.request("/v1/jobs?state=failed")).json()).items.length, 0);
  assertEquals((await (await app.request(`/v1/jobs/${job.id}`, { method: "DELETE" })).json()).state, "cancelled");
  assertEquals((await app.problem(409, `/v1/jobs/${job.id}`, { method: "DELETE" })).code, "job_ended");
});

Deno.test("a request that does not fit names each field, the value met and the value wanted", async () => {
  const body = {
    ...TRAIN,
    direction: "spec2spec",
    window: 1,
    latent: 0,
    epochs: 1.5,
    saveAs: "No Such Name!",
    region: { row: 0, col: 0, rows: 0, cols: 4 },
    batchsize: 4,
  };
  const problem = await testApp().problem(422, "/v1/jobs", postJson(body));
  assertEquals(problem.code, "invalid_body");
  const messages = Object.fromEntries(problem.errors!.map(({ path, message }) => [path, message]));
  assertEquals(Object.keys(messages).sort(), [
    "batchsize",
    "direction",
    "epochs",
    "latent",
    "region.rows",
    "saveAs",
    "window",
  ]);
  assert.match(messages.direction, /received "spec2spec"; expected one of "im2spec"\|"spec2im"/);
  assert.match(messages.latent, /received 0; expected >=1/);
  assert.match(messages["region.rows"], /received 0; expected >=1/);
});

Deno.test("events come as server-sent events and end after done", async () => {
  const app = testApp();
  const { id } = await (await app.request("/v1/jobs", postJson(TRAIN))).json();
  const answer = await app.request(`/v1/jobs/${id}/events`);
  assertEquals(answer.headers.get("content-type"), "text/event-stream");
  const wanted = [
    'id: 1\nevent: state\ndata: {"state":"running"}\n\n',
    'id: 2\nevent: epoch\ndata: {"epoch":1,"trainLoss":0.5}\n\n',
    'id: 3\nevent: done\ndata: {"state":"succeeded"}\n\n',
  ];
  assertEquals(await answer.text(), `retry: 2000\n\n${wanted.join("")}`);
  const resumed = await app.request(`/v1/jobs/${id}/events`, { headers: { "Last-Event-ID": "2" } });
  assertEquals(await resumed.text(), `retry: 2000\n\n${wanted[2]}`);
  assertEquals((await app.problem(404, "/v1/jobs/none/events")).code, "job_missing");
});

Deno.test("Last-Event-ID that is not ours means from the start", () => {
  for (const odd of [undefined, "", "abc", "-1", "1.5", "9".repeat(30)]) assertEquals(lastEventId(odd), 0);
  assertEquals(lastEventId("17"), 17);
});

Deno.test("a quiet stream sends comments", async () => {
  const heard = Promise.withResolvers<void>();
  async function* quiet(): AsyncGenerator<JobEvent[]> {
    await heard.promise;
    yield [{ sequence: 1, event: "done", json: "{}" }];
  }
  let text = "";
  const stream = eventStream(quiet, { heartbeatMs: 5, signal: NEVER }).body!.pipeThrough(new TextDecoderStream());
  for await (const piece of stream) {
    text += piece;
    if (text.endsWith(": still here\n\n: still here\n\n")) heard.resolve();
  }
  assert.match(text, /^retry: 2000\n\n(: still here\n\n){2,}id: 1\nevent: done\ndata: {}\n\n$/);
});

Deno.test("when the client goes the source is told and ends", async () => {
  const ended = Promise.withResolvers<string>();
  async function* endless(signal: AbortSignal): AsyncGenerator<JobEvent[]> {
    try {
      for (let sequence = 1; !signal.aborted; sequence++) {
        yield [{ sequence, event: "epoch", json: "{}" }];
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      ended.resolve(signal.aborted ? "told" : "not told");
    }
  }
  const reader = eventStream(endless, { heartbeatMs: 1000, signal: NEVER }).body!.getReader();
  await reader.read();
  await reader.read();
  await reader.cancel();
  assertEquals(await ended.promise, "told");
});

Deno.test("a source that fails ends the stream: the client comes again with Last-Event-ID", async () => {
  async function* failing(): AsyncGenerator<JobEvent[]> {
    yield [{ sequence: 1, event: "epoch", json: "{}" }];
    await Promise.resolve();
    throw new Error("store closed");
  }
  assert.match(await eventStream(failing, { heartbeatMs: 1000, signal: NEVER }).text(), /id: 1/);
});
