import type { ConnectionInfo } from "../../routes/context.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { testApp, type TestAppOptions } from "./support/test_app.ts";

const DEMO: TestAppOptions = {
  keys: { verify: () => undefined },
  settings: { publicRead: true, maxRequestsPerCaller: 3 },
};

/** Requests that are answered until they are told to have been read. */
function requests({ keys, settings } = DEMO) {
  const app = testApp({ keys, settings });
  const read: (() => void)[] = [];
  const ask = async (hostname: string, path = "/v1/models") => {
    const connection: ConnectionInfo = { remoteAddr: { hostname }, onResponseEnd: (run) => void read.push(run) };
    const answer = await app.request(path, {}, connection);
    return answer.ok ? answer.status : (await answer.json()).code;
  };
  return { ask, read };
}

Deno.test("one caller is answered so many requests at one time, and others are served beside", async () => {
  const { ask, read } = requests();
  for (let count = 0; count < 3; count++) assertEquals(await ask("10.0.0.1"), 200);
  assertEquals([await ask("10.0.0.1"), await ask("10.0.0.1")], ["too_many_at_once", "too_many_at_once"]);
  assertEquals([await ask("10.0.0.2"), await ask("10.0.0.1", "/healthz")], [200, 200]);
  assert.ok(read.length >= 3);
  read.shift()!();
  assertEquals([await ask("10.0.0.1"), await ask("10.0.0.1")], [200, "too_many_at_once"]);
  read.splice(0).forEach((run) => run());
  for (let count = 0; count < 3; count++) assertEquals(await ask("10.0.0.1"), 200);
});

Deno.test("a service without keys is one's own", async () => {
  const { ask } = requests({ settings: DEMO.settings });
  for (let count = 0; count < 5; count++) assertEquals(await ask("127.0.0.1"), 200);
});
