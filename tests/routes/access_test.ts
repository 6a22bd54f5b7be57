import type { KeyVerifier, Scope } from "../../lib/schemas/access.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { postJson, testApp } from "./support/test_app.ts";

/** Secrets are `SCOPE-secret`. */
const KEYS: KeyVerifier = {
  verify(secret) {
    const scope = /^(read|predict|train|admin)-secret$/.exec(secret)?.[1] as Scope | undefined;
    return scope && { id: scope, scopes: [scope] };
  },
};
const OPEN = [
  "/client.py",
  "/docs",
  "/docs.css",
  "/healthz",
  "/openapi.json",
  "/readyz",
  "/v2",
  "/v2/health/live",
  "/v2/health/ready",
];

interface Operation {
  "x-scope": Scope | "open";
}

async function operations(): Promise<{ method: string; path: string; scope: Scope | "open" }[]> {
  const document = await (await testApp().request("/openapi.json")).json();
  return Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path: path.replace(/\{[^}]+\}/g, "x"),
      scope: operation["x-scope"],
    }))
  );
}

Deno.test("every route: no key, a wrong key, a key of each scope", async () => {
  const all = await operations();
  assert.ok(all.length > 40, `met ${all.length} operations`);
  assertEquals(all.filter(({ scope }) => scope === "open").map(({ path }) => path).sort(), [...OPEN].sort());
  const app = testApp({ keys: KEYS, settings: { ratePerMinute: 1e6, keyRatePerMinute: 1e6 } });
  const ask = async (method: string, path: string, key?: string) => {
    const answer = await app.request(path, { method, headers: key ? { Authorization: `Bearer ${key}` } : {} });
    await answer.body?.cancel();
    return answer.status;
  };
  for (const { method, path, scope } of all) {
    if (scope === "open") {
      assertEquals(await ask(method, path), 200, path);
      continue;
    }
    assertEquals(await ask(method, path), 401, `${method} ${path} without a key`);
    assertEquals(await ask(method, path, "wrong"), 401, `${method} ${path} with a wrong key`);
    for (const key of ["read", "predict", "train", "admin"]) {
      const status = await ask(method, path, `${key}-secret`);
      const allowed = key === scope || key === "admin";
      assertEquals(status === 403, !allowed, `${method} ${path} with ${key}: received ${status}`);
      assert.notEqual(status, 401);
      assert.ok(status < 500, `${method} ${path} with ${key}: met ${status}`);
    }
  }
});

Deno.test("a key comes as Bearer or X-Api-Key; 401 says how", async () => {
  const app = testApp({ keys: KEYS });
  assertEquals((await app.request("/v1/cubes", { headers: { Authorization: "bearer read-secret" } })).status, 200);
  assertEquals((await app.request("/v1/cubes", { headers: { "X-Api-Key": "read-secret" } })).status, 200);
  const none = await app.request("/v1/cubes");
  assertEquals([none.status, none.headers.get("www-authenticate")], [401, 'Bearer realm="loopscope"']);
  assertEquals((await app.request("/v1/cubes", { headers: { Authorization: "Basic cmVhZA==" } })).status, 401);
});

Deno.test("a public demo: reads and predictions without a key, the rest by setting", async () => {
  const demo = testApp({ keys: KEYS, settings: { publicRead: true } });
  assertEquals((await demo.request("/v1/cubes")).status, 200);
  const predict = postJson({ model: "mean", inputs: [[1, 2], [3, 4]] });
  assertEquals((await demo.request("/predict", predict)).status, 200);
  assertEquals((await demo.request("/v1/jobs", postJson({}))).status, 401);
  assertEquals((await demo.request("/v1/cubes", { method: "POST" })).status, 401);
  assertEquals((await demo.request("/metrics")).status, 401);
  const generous = testApp({ keys: KEYS, settings: { publicRead: true, publicUploads: true, publicTraining: true } });
  assertEquals((await generous.request("/v1/jobs", postJson({}))).status, 422);
  assertEquals((await generous.request("/v1/cubes", { method: "POST" })).status, 400);
  assertEquals((await generous.request("/v1/models", { method: "POST" })).status, 401);
  const closed = testApp({ keys: KEYS, settings: { publicUploads: true } });
  assertEquals((await closed.request("/v1/cubes", { method: "POST" })).status, 401);
});

Deno.test("too many requests of one address are 429 with the wait, others go on", async () => {
  const app = testApp({ keys: KEYS, settings: { publicRead: true, ratePerMinute: 10 } });
  const ask = (hostname: string) => app.request("/v1/cubes", {}, { remoteAddr: { hostname } });
  for (let i = 0; i < 5; i++) assertEquals((await ask("10.0.0.1")).status, 200);
  const limited = await ask("10.0.0.1");
  assertEquals([limited.status, limited.headers.get("retry-after")], [429, "6"]);
  assertEquals((await ask("10.0.0.2")).status, 200);
  assertEquals((await app.request("/healthz", {}, { remoteAddr: { hostname: "10.0.0.1" } })).status, 200);
  app.clock.passMs(6000);
  assertEquals((await ask("10.0.0.1")).status, 200);
  assertEquals((await ask("10.0.0.1")).status, 429);
});

Deno.test("guessing keys is limited by address", async () => {
  const app = testApp({ keys: KEYS, settings: { ratePerMinute: 4 } });
  const guess = () => app.request("/v1/cubes", { headers: { "X-Api-Key": "guess" } });
  assertEquals([(await guess()).status, (await guess()).status, (await guess()).status], [401, 401, 429]);
});

Deno.test("X-Forwarded-For counts only behind a trusted proxy, and then its last entry", async () => {
  const headers = { "X-Forwarded-For": "1.1.1.1, 9.9.9.9" };
  for (const [trustProxy, caller] of [[false, "address:10.0.0.1"], [true, "address:9.9.9.9"]] as const) {
    const app = testApp({ settings: { trustProxy } });
    await app.request("/v1/cubes", { headers }, { remoteAddr: { hostname: "10.0.0.1" } });
    assertEquals(app.log[0].fields.caller, caller);
  }
});
