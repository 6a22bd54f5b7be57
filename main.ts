import { systemClock } from "./lib/base/clock.ts";
import { LoopscopeError } from "./lib/base/errors.ts";
import { createLog, gatherLines, type Log } from "./lib/base/log.ts";
import { idleSettings, needsKeys, parseSettings, settingNames, type Settings } from "./lib/schemas/settings.ts";
import { addDemoCube } from "./lib/service/demo.ts";
import { OPERATOR_COMMANDS } from "./lib/service/operator_commands.ts";
import { createRuntime, type Runtime } from "./lib/service/runtime.ts";
import { createApp } from "./routes/app.ts";
import { appSettings } from "./routes/app_settings.ts";
import { type HttpServer, listen } from "./routes/server/http_server.ts";
import { createTextLog } from "./lib/base/text_log.ts";
import { watchLauncher } from "./lib/jobs/processes/launcher_watch.ts";
import { startMessages, USAGE } from "./lib/service/start_messages.ts";
import { createMetrics } from "./routes/middleware/metrics.ts";
import { loadPage } from "./routes/page/assets.ts";
import type { StaticAssets } from "./routes/response/static_assets.ts";

export const VERSION = "0.1.0";
/** With what follows it stays below the 10 s after which containers are killed. */
const DRAIN_MS = 7_000;
const CONNECTION_TIMES = { headTimeoutMs: 15_000, keepAliveMs: 30_000, writeTimeoutMs: 30_000 };
const ZOO = `${import.meta.dirname}/zoo`;

/** Reads the settings, wires the service, listens, and stops on SIGTERM or SIGINT. */
async function main(): Promise<void> {
  const [name, ...args] = Deno.args;
  if (["--help", "-h", "help"].includes(name)) return console.log(USAGE);
  const settings = orExit(() => parseSettings(readEnvironment()));
  if (name !== undefined) Deno.exit(await runCommand(name, args, settings));
  const lines = gatherLines(printLines);
  for (const end of ["unload", "error", "unhandledrejection"]) addEventListener(end, lines.flush);
  const isText = settings.LOOPSCOPE_LOG === "auto" ? Deno.stdout.isTerminal() : settings.LOOPSCOPE_LOG === "text";
  const log = isText ? createTextLog(console.error) : createLog(lines.add);
  for (const setting of idleSettings(settings)) log.warn("idle_setting", { setting });
  orExit(() => refuseOpenDoors(settings));
  orExit(() => refuseScaledForm(settings));
  orExit(() => refuseComma(settings));
  const runtime = await createRuntime({ settings, version: VERSION, log, zooPath: ZOO }).catch(exit);
  await warnOfKeys(runtime, settings, log);
  const engine = await runtime.state.start().catch(exit);
  log.info("engine_ready", { ...engine });
  await addDemoCube(runtime, log);
  const page = await loadPage();
  if (!page) log.info("page_missing", { hint: "Run deno task page, then start again" });
  const server = await serve(settings, runtime, { log, page }).catch(exit);
  runtime.start();
  if (isText) {
    const models = (await runtime.store.models.list()).length;
    const dataFolder = settings.LOOPSCOPE_DATA;
    console.log(startMessages({ version: VERSION, engine, dataFolder, models, url: urlOf(server) }));
  }
  const stop = stopOnce(async () => {
    log.info("stopping");
    const grace = new Promise((resolve) => setTimeout(resolve, DRAIN_MS));
    // Meanwhile readyz and every other route respond that the service is stopping.
    await Promise.race([Promise.all([runtime.drain(DRAIN_MS), server.settled()]), grace]);
    await Promise.race([server.shutdown(), grace]);
    launcher.close();
    await runtime.stop(0);
    log.info("stopped");
    Deno.exit(0);
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, stop);
  const launcher = watchLauncher(() => {
    log.warn("launcher_gone", { hint: "The npx that started the service was killed" });
    stop();
  });
}

async function warnOfKeys({ store: { keys } }: Runtime, settings: Settings, log: Log): Promise<void> {
  if (!needsKeys(settings)) return;
  if (await keys.isLost()) log.error("hmac_key_lost", { hint: "No key works: run deno task doctor" });
  else if (!(await keys.list()).some((key) => !key.revokedAt)) {
    log.warn("no_keys", { hint: "Without a key most requests are refused: run deno task keys add" });
  }
}

/** As `console.log` without its formatting, which costs more than the line. */
function printLines(text: string): void {
  const bytes = new TextEncoder().encode(text + "\n");
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

function readEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(settingNames.map((name) => [name, Deno.env.get(name)]));
}

async function serve(
  settings: Settings,
  runtime: Runtime,
  { log, page }: { log: Log; page: StaticAssets | undefined },
): Promise<HttpServer> {
  const metrics = createMetrics();
  for (const measure of runtime.measures) metrics.measure(measure);
  const app = createApp({
    services: runtime.services,
    settings: appSettings({
      version: VERSION,
      maxUploadBytes: settings.LOOPSCOPE_MAX_UPLOAD_BYTES,
      ratePerMinute: settings.LOOPSCOPE_RATE_PER_MINUTE,
      keyRatePerMinute: settings.LOOPSCOPE_KEY_RATE_PER_MINUTE,
      maxRequestsPerCaller: connectionsEach(settings),
      trustProxy: settings.LOOPSCOPE_TRUST_PROXY,
      publicRead: settings.LOOPSCOPE_PUBLIC_READ,
      publicUploads: settings.LOOPSCOPE_PUBLIC_UPLOADS,
      publicTraining: settings.LOOPSCOPE_PUBLIC_TRAINING,
      corsOrigin: settings.LOOPSCOPE_CORS_ORIGIN,
    }),
    log,
    page,
    metrics,
    clock: systemClock,
    idempotency: runtime.store.idempotency,
    keys: needsKeys(settings) ? runtime.store.keys : undefined,
  });
  const server = await listen(app.fetch, {
    hostname: settings.LOOPSCOPE_HOST,
    port: settings.LOOPSCOPE_PORT,
    maxConnections: settings.LOOPSCOPE_MAX_CONNECTIONS,
    maxConnectionsPerAddress: connectionsEach(settings),
    ...CONNECTION_TIMES,
  }).catch((error) => {
    throw error.code === "EADDRINUSE" ? portInUse(settings) : error;
  });
  log.info("listening", { url: urlOf(server) });
  metrics.measure({
    name: "loopscope_http_connections",
    help: "Open connections",
    type: "gauge",
    read: server.connections,
  });
  return server;
}

function urlOf({ hostname, port }: HttpServer): string {
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

function portInUse({ LOOPSCOPE_HOST: host, LOOPSCOPE_PORT: port }: Settings): RangeError {
  return new RangeError(`Port ${port} on ${host} is in use by another program; choose another with LOOPSCOPE_PORT`);
}

/** One address's share of the open connections. */
function connectionsEach({ LOOPSCOPE_MAX_CONNECTIONS: all }: Settings): number {
  return Math.ceil(all / 4);
}

/** `keys`, `doctor`, `backup`, `restore`: what the service's owner does beside it. */
async function runCommand(name: string, args: readonly string[], settings: Settings): Promise<number> {
  const command = OPERATOR_COMMANDS[name];
  const known = Object.keys(OPERATOR_COMMANDS).join(", ");
  if (!command) return exit(new RangeError(`There is no command ${name}; expected ${known}, or none to serve`));
  return await command(args, { root: settings.LOOPSCOPE_DATA, zooPath: ZOO, print: console.log }).catch(exit);
}

/** The runtime's permissions name folders in lists parted by commas. */
function refuseComma({ LOOPSCOPE_DATA: folder }: Settings): void {
  if (folder.includes(",")) {
    throw new RangeError(`LOOPSCOPE_DATA is ${JSON.stringify(folder)}; expected a path without a comma`);
  }
}

/** Several processes on one store need PostgreSQL and S3 adapters, which this version does not have. */
function refuseScaledForm(settings: Settings): void {
  const { LOOPSCOPE_ROLE: role, LOOPSCOPE_DATABASE_URL: database, LOOPSCOPE_STORAGE_URL: storage } = settings;
  if (role === "all" && !database && !storage) return;
  const met = role === "all"
    ? (database ? "LOOPSCOPE_DATABASE_URL" : "LOOPSCOPE_STORAGE_URL")
    : `LOOPSCOPE_ROLE=${role}`;
  throw new RangeError(`${met} is set; expected it unset: this version runs as one process with SQLite and files`);
}

/** Without keys every client may do everything: then the service listens on this machine only. */
function refuseOpenDoors(settings: Settings): void {
  const loopback = ["127.0.0.1", "::1", "localhost"].includes(settings.LOOPSCOPE_HOST);
  if (loopback || needsKeys(settings)) return;
  throw new RangeError(
    `LOOPSCOPE_HOST is ${JSON.stringify(settings.LOOPSCOPE_HOST)} without LOOPSCOPE_API_KEYS; expected 127.0.0.1, or ` +
      "LOOPSCOPE_API_KEYS=on with keys made by `deno task keys add`",
  );
}

function orExit<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    return exit(error);
  }
}

/** One plain line for a person, and exit code 2: nothing was started. */
function exit(error: unknown): never {
  // Files, sockets and SQLite say it in their message; anything else is a fault of this program.
  const expected = error instanceof LoopscopeError || error instanceof RangeError ||
    error instanceof Error && ("code" in error || error.name in Deno.errors);
  console.error(expected ? `loopscope: ${error.message}` : error);
  Deno.exit(2);
}

function stopOnce(stop: () => Promise<void>): () => void {
  let stopping = false;
  return () => {
    if (stopping) return;
    stopping = true;
    void stop();
  };
}

if (import.meta.main) await main();
