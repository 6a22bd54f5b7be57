import { assertEquals } from "../support/assert.ts";
import { makeKeys } from "../support/make_keys.ts";
import { type RunningService, startService } from "../support/running_service.ts";
import { type CubeAnswer, filmFile, smallJob } from "../support/small_cube.ts";

const DEMO = {
  LOOPSCOPE_PUBLIC_READ: "true",
  LOOPSCOPE_PUBLIC_UPLOADS: "true",
  LOOPSCOPE_PUBLIC_TRAINING: "true",
  LOOPSCOPE_TRUST_PROXY: "true",
  LOOPSCOPE_VISITOR_BYTES: String(2 ** 24),
  LOOPSCOPE_WEBHOOK_HOSTS: "127.0.0.1:9",
  LOOPSCOPE_WEBHOOK_SECRET: "a secret of the test's",
};
type Who = Record<string, string>;

const visitor = (address: string): Who => ({ "x-forwarded-for": address });
const holder = (secret: string): Who => ({ authorization: `Bearer ${secret}` });

function parties(service: RunningService) {
  return {
    async upload(who: Who, rows: number): Promise<string> {
      const headers = { "content-type": "application/octet-stream", ...who };
      const body = await filmFile(rows, 24, 16);
      return (await service.json<CubeAnswer>("/v1/cubes", { method: "POST", body, headers }, 201)).id;
    },
    async train(who: Who, cube: string, saveAs: string, webhook?: string): Promise<string> {
      const headers = { "content-type": "application/json", ...who };
      const body = JSON.stringify(smallJob(cube, saveAs, { epochs: 10_000, webhook }));
      return String((await service.json("/v1/jobs", { method: "POST", body, headers }, 202)).id);
    },
    /** The status of a DELETE, with the code where it was refused. */
    async remove(who: Who, path: string): Promise<string> {
      const answer = await service.fetch(path, { method: "DELETE", headers: who });
      const text = await answer.text();
      return answer.ok ? String(answer.status) : `${answer.status} ${JSON.parse(text).code}`;
    },
  };
}

async function withDemo(run: (service: RunningService, secrets: string[]) => Promise<void>): Promise<void> {
  const service = await startService({ environment: DEMO });
  try {
    await run(service, await makeKeys(service.dataFolder, [["train"], ["train"], ["read"], ["admin"]]));
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
}

Deno.test("everybody may cancel the jobs and delete the cubes that are theirs, and an admin all", () =>
  withDemo(async (service, [mine, others, reader, admin]) => {
    const { upload, train, remove } = parties(service);
    const [ann, bob] = [visitor("10.0.0.1"), visitor("10.0.0.2")];
    const cube = await upload(ann, 24);
    const job = await train(ann, cube, "visitor-ann");
    assertEquals(await remove(ann, `/v1/cubes/${cube}`), "409 cube_in_use");
    for (const path of [`/v1/jobs/${job}`, `/v1/cubes/${cube}`]) {
      assertEquals(await remove(bob, path), "401 not_yours");
      assertEquals(await remove(holder(mine), path), "403 not_yours");
      assertEquals(await remove(holder(reader), path), "403 scope_missing");
    }
    assertEquals(await remove(ann, `/v1/jobs/${job}`), "200");
    assertEquals(await remove(ann, `/v1/jobs/${job}`), "200");
    assertEquals(await remove(ann, `/v1/cubes/${cube}`), "204");
    assertEquals(await remove(ann, `/v1/cubes/${cube}`), "404 cube_missing");

    const second = await upload(holder(mine), 25);
    const jobs = [await train(holder(mine), second, "one"), await train(holder(mine), second, "two")];
    assertEquals(await remove(ann, `/v1/jobs/${jobs[0]}`), "401 not_yours");
    assertEquals(await remove(holder(others), `/v1/jobs/${jobs[0]}`), "403 not_yours");
    assertEquals(await remove(holder(mine), `/v1/jobs/${jobs[0]}`), "200");
    assertEquals(await remove(holder(admin), `/v1/jobs/${jobs[1]}`), "200");
    assertEquals(await remove(holder(others), `/v1/cubes/${second}`), "403 not_yours");
    assertEquals(await remove(holder(mine), `/v1/cubes/${second}`), "204");
  }));

Deno.test("where a job's webhook goes is told to its owner and to an admin only", () =>
  withDemo(async (service, [mine, others, , admin]) => {
    const { upload, train } = parties(service);
    const webhook = "http://127.0.0.1:9/hook?token=abc";
    const job = await train(holder(mine), await upload(holder(mine), 24), "hooked", webhook);
    const seen = async (who: Who) => {
      const answers = ["", "?limit=5", `/${job}`].map((path) => service.fetch(`/v1/jobs${path}`, { headers: who }));
      const texts = await Promise.all(answers.map(async (answer) => await (await answer).text()));
      assertEquals(texts.every((text) => text.includes(job)), true);
      return texts.map((text) => text.includes(webhook));
    };
    assertEquals(await seen(holder(admin)), [true, true, true]);
    assertEquals(await seen(visitor("10.0.0.1")), [false, false, false]);
    assertEquals((await service.fetch(`/v1/jobs/${job}`, { headers: holder(others) })).status, 403);
    const own = await service.fetch(`/v1/jobs/${job}`, { method: "DELETE", headers: holder(mine) });
    assertEquals((await own.json()).request.webhook, webhook);
  }));

Deno.test("one visitor's unfinished uploads leave room for others, in number and in bytes", () =>
  withDemo(async (service) => {
    const begin = async (address: string, bytes: number) => {
      const headers = { "tus-resumable": "1.0.0", "upload-length": String(bytes), ...visitor(address) };
      const answer = await service.fetch("/v1/uploads", { method: "POST", headers });
      return answer.ok ? answer.status : (await answer.json()).code;
    };
    assertEquals([await begin("10.0.0.1", 2 ** 24 - 100), await begin("10.0.0.1", 101)], [201, "quota_exceeded"]);
    assertEquals(await begin("10.0.0.1", 100), 201);
    for (let count = 0; count < 32; count++) assertEquals(await begin("10.0.0.2", 5), 201);
    assertEquals([await begin("10.0.0.2", 5), await begin("10.0.0.3", 5)], ["too_many_uploads", 201]);
  }));
