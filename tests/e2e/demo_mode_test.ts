import { assert, assertEquals } from "../support/assert.ts";
import { makeKeys } from "../support/make_keys.ts";
import { type RunningService, startService } from "../support/running_service.ts";
import { filmFile, smallJob } from "../support/small_cube.ts";

const DEMO = {
  LOOPSCOPE_PUBLIC_READ: "true",
  LOOPSCOPE_PUBLIC_UPLOADS: "true",
  LOOPSCOPE_PUBLIC_TRAINING: "true",
  LOOPSCOPE_VISITOR_CUBES: "2",
};

async function problemOf(service: RunningService, path: string, init: RequestInit): Promise<[number, string, string]> {
  const answer = await service.fetch(path, init);
  const { code, detail } = await answer.json();
  return [answer.status, code, detail];
}

function post(body: unknown, secret?: string): RequestInit {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (secret) headers.authorization = `Bearer ${secret}`;
  return { method: "POST", body: JSON.stringify(body), headers };
}

Deno.test("a public demo takes uploads and training of visitors within their quota, apart from the owner's", async () => {
  const service = await startService({ environment: DEMO });
  try {
    const [secret] = await makeKeys(service.dataFolder, [["train"]]);
    const upload = async (rows: number): Promise<RequestInit> => {
      return {
        method: "POST",
        body: await filmFile(rows, 24, 16),
        headers: { "content-type": "application/octet-stream" },
      };
    };
    const { id } = await service.json<{ id: string }>("/v1/cubes?name=mine", await upload(24), 201);
    await service.json("/v1/cubes?name=mine", await upload(24), 200);
    await service.json("/v1/cubes?name=mine", await upload(25), 201);
    const [status, code, detail] = await problemOf(service, "/v1/cubes?name=mine", await upload(26));
    assertEquals([status, code], [409, "quota_exceeded"]);
    assert.match(detail, /2 cubes; expected at most 2/);

    const named = await problemOf(service, "/v1/jobs", post(smallJob(id, "pto-beps-im2spec")));
    assertEquals(named.slice(0, 2), [403, "name_reserved"]);
    await service.json("/v1/jobs", post(smallJob(id, "visitor-one", { epochs: 5000 })), 202);
    const second = await problemOf(service, "/v1/jobs", post(smallJob(id, "visitor-two")));
    assertEquals(second.slice(0, 2), [429, "quota_exceeded"]);
    await service.json("/v1/jobs", post(smallJob(id, "owners"), secret), 202);
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
});
