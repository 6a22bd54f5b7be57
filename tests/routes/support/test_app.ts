import { type AppSettings, appSettings } from "../../../routes/app_settings.ts";
import { createApp } from "../../../routes/app.ts";
import type { AppDeps, ConnectionInfo } from "../../../routes/context.ts";
import type { IdempotencyClaim, IdempotencyPort, StoredResponse } from "../../../lib/schemas/idempotency.ts";
import type { Problem } from "../../../lib/schemas/problem.ts";
import type { Services } from "../../../lib/service/services.ts";
import { type TestClock, testClock } from "../../support/temporary_store.ts";
import { assert } from "../../support/assert.ts";
import { arrayServices } from "./array_services.ts";

export interface LogLine {
  level: string;
  event: string;
  fields: Record<string, unknown>;
}

export interface TestApp {
  request(path: string, init?: RequestInit, connection?: ConnectionInfo): Promise<Response>;
  /** The problem of an answer that must have this status. */
  problem(status: number, path: string, init?: RequestInit): Promise<Problem>;
  log: LogLine[];
  clock: TestClock;
  services: Services;
}

export interface TestAppOptions extends Partial<Omit<AppDeps, "services" | "settings">> {
  services?: Partial<Services>;
  settings?: Partial<AppSettings>;
}

/** The real app over services that compute on small arrays in memory. */
export function testApp({ services, settings, ...rest }: TestAppOptions = {}): TestApp {
  const log: LogLine[] = [];
  const at = (level: string) => (event: string, fields = {}) => void log.push({ level, event, fields });
  const clock = testClock();
  const all = { ...arrayServices(), ...services };
  const app = createApp({
    services: all,
    settings: appSettings({ version: "0.0.0-test", ...settings }),
    log: { info: at("info"), warn: at("warn"), error: at("error") },
    clock,
    idempotency: memoryIdempotency(),
    ...rest,
  });
  const request = async (path: string, init?: RequestInit, connection: ConnectionInfo = {}) =>
    await app.fetch(new Request(new URL(path, "http://localhost"), init), connection);
  return {
    request,
    log,
    clock,
    services: all,
    async problem(status, path, init) {
      const answer = await request(path, init);
      const text = await answer.text();
      assert.equal(answer.status, status, text);
      assert.equal(answer.headers.get("content-type"), "application/problem+json");
      const problem = JSON.parse(text) as Problem;
      assert.equal(problem.status, status);
      assert.ok(problem.detail.length > 0 && problem.code.length > 0 && problem.title.length > 0);
      return problem;
    },
  };
}

export function memoryIdempotency(): IdempotencyPort & { running: Set<string> } {
  const running = new Set<string>();
  const done = new Map<string, { fingerprint: string; response: StoredResponse }>();
  const name = (caller: string, key: string) => JSON.stringify([caller, key]);
  return {
    running,
    begin(caller, key): IdempotencyClaim {
      const found = done.get(name(caller, key));
      if (found) return { state: "done", ...found };
      if (running.has(name(caller, key))) return { state: "running" };
      running.add(name(caller, key));
      return { state: "new" };
    },
    finish(caller, key, fingerprint, response) {
      running.delete(name(caller, key));
      done.set(name(caller, key), { fingerprint, response });
    },
    abandon: (caller, key) => void running.delete(name(caller, key)),
  };
}

export function postJson(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) };
}
