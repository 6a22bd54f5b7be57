import { type Scope, scopeSchema } from "../../lib/schemas/access.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { makeKeys } from "../support/make_keys.ts";
import { type RunningService, startService } from "../support/running_service.ts";

interface Operation {
  method: string;
  path: string;
  scope: Scope | "open";
  /** Whether the document says that a key is needed. */
  secured: boolean;
}

interface Document {
  paths: Record<string, Record<string, { "x-scope": Scope | "open"; security?: unknown[] }>>;
}

/** Documented beside the JSON operations: the document itself and the page that shows it. */
const ALWAYS_OPEN = [
  "/client.py",
  "/healthz",
  "/readyz",
  "/openapi.json",
  "/docs",
  "/docs.css",
  "/v2/health/live",
  "/v2/health/ready",
];

async function operationsOf(service: RunningService): Promise<Operation[]> {
  const { paths } = await service.json<Document>("/openapi.json");
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const scope = operation["x-scope"];
      return { method: method.toUpperCase(), path, scope, secured: operation.security?.length !== 0 };
    })
  );
}

/** The status of an operation asked for with things that do not exist: what is allowed gets beyond the door. */
async function ask(service: RunningService, { method, path }: Operation, secret?: string): Promise<number> {
  const filled = path.replace(/\{[^}]+\}/g, "none");
  const headers: Record<string, string> = secret ? { authorization: `Bearer ${secret}` } : {};
  const body = ["POST", "PUT", "PATCH"].includes(method) ? "{}" : undefined;
  if (body) headers["content-type"] = "application/json";
  const answer = await service.fetch(filled, { method, headers, body });
  await answer.body?.cancel();
  return answer.status;
}

async function withKeys(
  environment: Record<string, string>,
  run: (service: RunningService, secrets: Map<Scope, string>) => Promise<void>,
): Promise<void> {
  const service = await startService({ environment: { LOOPSCOPE_RATE_PER_MINUTE: "100000", ...environment } });
  try {
    const scopes = scopeSchema.options;
    const secrets = await makeKeys(service.dataFolder, scopes.map((scope) => [scope]));
    await run(service, new Map(scopes.map((scope, i) => [scope, secrets[i]])));
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
}

Deno.test("every route: no key, a wrong key, and a key of each scope reach what is documented, and nothing else", () =>
  withKeys({ LOOPSCOPE_API_KEYS: "on" }, async (service, secrets) => {
    const operations = await operationsOf(service);
    assert.ok(operations.length >= 30, `${operations.length} operations`);
    const wrong = secrets.get("admin")!.replace(/.$/, (last) => last === "A" ? "B" : "A");
    for (const operation of operations) {
      const { method, path, scope, secured } = operation;
      const name = `${method} ${path}`;
      assertEquals(secured, scope !== "open", `${name}: the document agrees with itself`);
      const isOpen = scope === "open";
      assertEquals(await ask(service, operation) === 401, !isOpen, `${name} without a key`);
      const unlimited = ALWAYS_OPEN.includes(path) && /health|ready/.test(path);
      assertEquals(await ask(service, operation, wrong) === 401, !unlimited, `${name} with a wrong key`);
      for (const [held, secret] of secrets) {
        const status = await ask(service, operation, secret);
        const allowed = isOpen || held === "admin" || held === scope;
        assertEquals([401, 403].includes(status), !allowed, `${name} with a key for ${held}: ${status}`);
        assert.ok(status < 500, `${name} with a key for ${held}: ${status}`);
      }
    }
    const open = operations.filter(({ scope }) => scope === "open").map(({ path }) => path);
    assertEquals(open.filter((path) => !ALWAYS_OPEN.includes(path) && path !== "/v2"), []);
  }));

Deno.test("a demo with uploads and training opens these and the removal and renaming of one's own, which is documented", () =>
  withKeys({
    LOOPSCOPE_PUBLIC_READ: "true",
    LOOPSCOPE_PUBLIC_UPLOADS: "true",
    LOOPSCOPE_PUBLIC_TRAINING: "true",
  }, async (service) => {
    const invited: string[] = [];
    for (const operation of await operationsOf(service)) {
      if (["open", "read", "predict"].includes(operation.scope)) continue;
      if (await ask(service, operation) !== 401) invited.push(`${operation.method} ${operation.path}`);
    }
    assertEquals(invited.sort(), [
      "DELETE /v1/cubes/{id}",
      "DELETE /v1/jobs/{id}",
      "DELETE /v1/uploads/{id}",
      "GET /v1/uploads/{id}",
      "PATCH /v1/cubes/{id}",
      "PATCH /v1/uploads/{id}",
      "POST /v1/cubes",
      "POST /v1/jobs",
      "POST /v1/uploads",
      "POST /v1/uploads/{id}",
    ]);
  }));

Deno.test("a public demo opens reads and predictions to everybody, and nothing that changes", () =>
  withKeys({ LOOPSCOPE_PUBLIC_READ: "true" }, async (service) => {
    for (const operation of await operationsOf(service)) {
      const { method, path, scope } = operation;
      const allowed = ["open", "read", "predict"].includes(scope);
      assertEquals(await ask(service, operation) !== 401, allowed, `${method} ${path} without a key`);
    }
  }));
