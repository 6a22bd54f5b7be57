import { assert, assertEquals } from "../support/assert.ts";
import { type RunningService, startService } from "../support/running_service.ts";
import { filmFile, smallJob, submitJob, uploadCube } from "../support/small_cube.ts";

const SECRET = "a secret of the test's";
const SCRIPT = new URL("../jobs/webhook_receiver.py", import.meta.url).pathname;

interface Call {
  path: string;
  valid: boolean;
  fresh: boolean;
  id: string;
  state: string;
}

function hasPython(): boolean {
  try {
    return new Deno.Command("python3", { args: ["--version"], stdout: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** The receiver, written in another language, and what it was told so far. */
async function startReceiver() {
  const child = new Deno.Command("python3", { args: [SCRIPT, SECRET], stdout: "piped" }).spawn();
  const calls: Call[] = [];
  const { promise, resolve } = Promise.withResolvers<string>();
  const reading = (async () => {
    let rest = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) /^[0-9]+$/.test(line) ? resolve(line) : calls.push(JSON.parse(line));
    }
  })();
  const stop = async () => {
    child.kill();
    await Promise.all([reading, child.status]);
  };
  const to = (path: string) => calls.filter((call) => call.path === path);
  return { host: `127.0.0.1:${await promise}`, to, stop };
}

async function until(what: string, met: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !met();) {
    if (Date.now() > end) throw new Error(`Within a minute not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function refusal(service: RunningService, cube: string, webhook: string): Promise<string> {
  const body = JSON.stringify(smallJob(cube, "film", { webhook }));
  const headers = { "content-type": "application/json" };
  const answer = await service.fetch("/v1/jobs", { method: "POST", body, headers });
  return `${answer.status} ${(await answer.json()).code}`;
}

Deno.test({
  name: "webhooks as a stranger's receiver sees them: signed, not redirected, told again after a restart" +
    (hasPython() ? "" : " (skipped: no python3)"),
  ignore: !hasPython(),
  async fn() {
    const receiver = await startReceiver();
    const dataFolder = await Deno.makeTempDir({ prefix: "loopscope-webhook-" });
    const environment = { LOOPSCOPE_WEBHOOK_HOSTS: receiver.host, LOOPSCOPE_WEBHOOK_SECRET: SECRET };
    const start = () => startService({ dataFolder, environment });
    let service = await start();
    try {
      const cube = await uploadCube(service, await filmFile(24, 24, 16));
      for (
        const url of [
          "http://127.0.0.1:9/ok",
          "http://localhost/ok",
          `http://user@${receiver.host}/ok`,
          `ftp://${receiver.host}/ok`,
        ]
      ) assertEquals(await refusal(service, cube.id, url), "422 webhook_not_allowed", url);
      const jobs: Record<string, string> = {};
      for (const path of ["/ok", "/redirect", "/broken", "/hang"]) {
        const webhook = `http://${receiver.host}${path}`;
        jobs[path] = await submitJob(service, smallJob(cube.id, "film", { webhook, epochs: 10_000 }));
        await service.json(`/v1/jobs/${jobs[path]}`, { method: "DELETE" });
      }
      for (const path of Object.keys(jobs)) {
        await until(`${path} is told`, () => receiver.to(path).length > 0);
        const [call] = receiver.to(path);
        assertEquals(call, { path, valid: true, fresh: true, id: jobs[path], state: "cancelled" });
      }
      await until("the failing receivers are told again", () => receiver.to("/redirect").length > 1);
      await service.stop(); // neither a hanging receiver nor one that waits for its next try holds it up
      const before = Object.keys(jobs).map((path) => receiver.to(path).length);
      service = await start();
      for (const [i, path] of ["/redirect", "/broken", "/hang"].entries()) {
        await until(`${path} is told after the restart`, () => receiver.to(path).length > before[i + 1]);
      }
      assertEquals(receiver.to("/ok").map(({ id }) => id), [jobs["/ok"]]);
      assert.ok(["/redirect", "/broken", "/hang"].every((path) => receiver.to(path).every(({ valid }) => valid)));
    } finally {
      await service.stop();
      await receiver.stop();
      await Deno.remove(dataFolder, { recursive: true });
    }
  },
});
