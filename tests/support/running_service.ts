/** A real service in a process of its own, on a free port with its own data folder. */
export interface RunningService {
  url: string;
  pid: number;
  dataFolder: string;
  /** SIGTERM and wait. */
  stop(): Promise<Deno.CommandStatus>;
  /** SIGKILL and wait: nothing gets to tidy up. */
  kill(): Promise<void>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Parsed JSON of an answer that must have this status. */
  json<T = Record<string, unknown>>(path: string, init?: RequestInit, status?: number): Promise<T>;
  /** Lines of the log so far. */
  log: string[];
}

const ROOT = new URL("../../", import.meta.url);
const START_TIMEOUT_MS = 60_000;

/** Starts main.ts; resolves when it is ready. `dataFolder` is kept when given, else a new temporary folder. */
export async function startService(
  options: { environment?: Record<string, string>; dataFolder?: string } = {},
): Promise<RunningService> {
  const dataFolder = options.dataFolder ?? await Deno.makeTempDir({ prefix: "loopscope-test-" });
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-q",
      `--allow-run=${Deno.execPath()},sh`,
      `--allow-read=${ROOT.pathname},${dataFolder}`,
      `--allow-write=${dataFolder}`,
      "-P=server",
      "main.ts",
    ],
    cwd: ROOT,
    env: { LOOPSCOPE_PORT: "0", LOOPSCOPE_DATA: dataFolder, NO_COLOR: "1", ...options.environment },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const log: string[] = [];
  const { promise: listening, resolve, reject } = Promise.withResolvers<string>();
  void readLines(child.stdout, (line) => {
    log.push(line);
    const url = line.match(/http:\/\/[\w.:[\]]+/)?.[0];
    if (url && line.includes("listening")) resolve(url);
  });
  void readLines(child.stderr, (line) => log.push(line));
  const timer = setTimeout(
    () => reject(new Error(`Not listening after ${START_TIMEOUT_MS} ms:\n${log.join("\n")}`)),
    START_TIMEOUT_MS,
  );
  void child.status.then((status) => reject(new Error(`Ended with code ${status.code}:\n${log.join("\n")}`)));
  const url = await listening.finally(() => clearTimeout(timer));
  return createHandle(child, url, dataFolder, log);
}

function createHandle(child: Deno.ChildProcess, url: string, dataFolder: string, log: string[]): RunningService {
  const end = async (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch {
      // It has ended already.
    }
    return await child.status;
  };
  const call = (path: string, init?: RequestInit) => fetch(url + path, init);
  return {
    url,
    pid: child.pid,
    dataFolder,
    log,
    stop: () => end("SIGTERM"),
    kill: async () => void await end("SIGKILL"),
    fetch: call,
    json: async <T>(path: string, init?: RequestInit, status?: number) => {
      const answer = await call(path, init);
      const text = await answer.text();
      if (status === undefined ? !answer.ok : answer.status !== status) {
        throw new Error(
          `${init?.method ?? "GET"} ${path}: ${answer.status}; expected ${status ?? "2xx"}: ${text.slice(0, 2000)}`,
        );
      }
      return JSON.parse(text) as T;
    },
  };
}

async function readLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>, take: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(take);
  }
  if (rest) take(rest);
}

/** Waits until a job has ended and returns it. */
export async function jobEnd(
  service: RunningService,
  id: string,
  timeoutMs = 120_000,
): Promise<Record<string, unknown>> {
  const end = Date.now() + timeoutMs;
  while (Date.now() < end) {
    const job = await service.json(`/v1/jobs/${id}`);
    if (["succeeded", "failed", "cancelled"].includes(String(job.state))) return job;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`Job ${id} has not ended after ${timeoutMs} ms`);
}
