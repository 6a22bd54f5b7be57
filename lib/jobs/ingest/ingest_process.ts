import { fileURLToPath } from "node:url";
import { FILTER_PLUGINS } from "../../formats/hdf5/filter_plugins.ts";
import { errorFromJson, type ErrorJson, LoopscopeError } from "../../base/errors.ts";
import type { IngestOptions } from "../../schemas/cube.ts";

export interface IngestLimits {
  timeoutMs: number;
  /** Longest time without a sign of life, which the reader gives after every part of a file; default two minutes. */
  stallMs?: number;
  /** Data memory of the process. */
  memoryBytes: number;
  /** Parsing processes at a time; further uploads wait. */
  concurrency: number;
}

export interface IngestTask {
  /** The only file that the process may read beside its own program. */
  file: string;
  /** The only folder it may write: empty, takes the cube's files. */
  folder: string;
  options: IngestOptions;
  /** `map` reads one separate image channel on this grid instead of a cube. */
  map?: { name?: string; dataset?: string; rows: number; cols: number };
  signal: AbortSignal;
}

const ENTRY = new URL("../ingest_worker.ts", import.meta.url);
/** What the process may say: one line of JSON. */
const MAX_OUTPUT_CHARACTERS = 1 << 20;
/** A damaged file can turn the HDF5 library in circles: it would otherwise keep a core until the whole limit is over. */
const STALL_MS = 120000;

type StopReason = "timeout" | "stalled" | "cancelled";

/**
 * Parses untrusted files apart: each in a process of its own that may read that file and write one folder, without
 * network, environment or other files, with a limit on time and memory. Whatever it does, the service lives on.
 */
export class IngestProcesses {
  readonly #limits: IngestLimits;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limits: IngestLimits) {
    this.#limits = limits;
  }

  /** Resolves when `cube.json` is whole in the folder; throws the parser's own error, or `parse_timeout`, `parse_crashed`. */
  async run(task: IngestTask): Promise<void> {
    if (this.#running >= this.#limits.concurrency) await this.#wait(task.signal);
    this.#running++;
    try {
      await this.#parse(task);
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  /** Rejects when the signal fires: who has gone leaves the line. */
  #wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const begin = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1);
        reject(cancelled());
      };
      this.#waiting.push(begin);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  async #parse(task: IngestTask): Promise<void> {
    task.signal.throwIfAborted();
    const child = spawn(task, this.#limits);
    let reason: StopReason | undefined;
    const stop = (why: StopReason) => {
      reason ??= why;
      kill(child);
    };
    const onAbort = () => stop("cancelled");
    task.signal.addEventListener("abort", onAbort);
    const timer = setTimeout(() => stop("timeout"), this.#limits.timeoutMs);
    let stallTimer: ReturnType<typeof setTimeout> | undefined;
    const onLife = () => {
      clearTimeout(stallTimer);
      stallTimer = setTimeout(() => stop("stalled"), this.#limits.stallMs ?? STALL_MS);
    };
    onLife();
    try {
      const [line, status] = await Promise.all([lastLine(child.stdout, onLife), child.status]);
      throwUnlessOk(line, status, reason, this.#limits);
    } finally {
      clearTimeout(timer);
      clearTimeout(stallTimer);
      task.signal.removeEventListener("abort", onAbort);
      await child.stdin.abort().catch(() => {});
    }
  }
}

function spawn({ file, folder, options, map }: IngestTask, limits: IngestLimits): Deno.ChildProcess {
  const heapMegabytes = Math.floor(limits.memoryBytes / 2 ** 20);
  const run = [
    Deno.execPath(),
    ...["run", "--quiet", "--no-prompt", "--cached-only", `--v8-flags=--max-old-space-size=${heapMegabytes}`],
    ...[`--allow-read=${file},${folder},${fileURLToPath(FILTER_PLUGINS)}`, `--allow-write=${folder}`],
    // Libraries that look at the environment find it empty; reads of other files find nothing.
    ...["--ignore-env", "--ignore-read"],
    ...[ENTRY.href, JSON.stringify({ file, folder, options, map })],
  ];
  // RLIMIT_DATA makes a too large allocation an error in the process instead of the machine's end.
  const kilobytes = String(Math.floor(limits.memoryBytes / 1024));
  // A limit on its processor time outlives the service, should that be killed while the parser hangs.
  const cpuSeconds = String(Math.ceil(limits.timeoutMs / 1000) * 2 + 10);
  return new Deno.Command("sh", {
    args: [
      "-c",
      'ulimit -d "$0" 2>/dev/null; ulimit -t "$1" 2>/dev/null; shift; exec "$@"',
      kilobytes,
      cpuSeconds,
      ...run,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

async function lastLine(stream: ReadableStream<Uint8Array<ArrayBuffer>>, onPiece: () => void): Promise<string> {
  let text = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
    onPiece();
    text = (text + piece).slice(-MAX_OUTPUT_CHARACTERS);
  }
  return text.trimEnd().split("\n").at(-1) ?? "";
}

function throwUnlessOk(
  line: string,
  status: Deno.CommandStatus,
  reason: StopReason | undefined,
  limits: IngestLimits,
): void {
  if (reason === "cancelled") throw cancelled();
  if (reason === "timeout") {
    const detail = `Reading the file took more than ${limits.timeoutMs / 1000} s, the limit of this service`;
    throw new LoopscopeError("unprocessable", "parse_timeout", detail);
  }
  if (reason === "stalled") {
    const detail = `Reading the file stood still for ${(limits.stallMs ?? STALL_MS) / 1000} s: it is damaged`;
    throw new LoopscopeError("unprocessable", "parse_timeout", detail);
  }
  const answer = parsed(line);
  if (answer?.ok && status.success) return;
  if (answer?.error) throw errorFromJson(answer.error);
  const detail =
    `The reader ended with ${status.signal ?? `code ${status.code}`} on this file: it is damaged, or needs ` +
    `more than ${Math.round(limits.memoryBytes / 2 ** 20)} MiB of memory`;
  throw new LoopscopeError("unprocessable", "parse_crashed", detail);
}

function cancelled(): LoopscopeError {
  return new LoopscopeError("cancelled", "cancelled", "The upload was cancelled");
}

function parsed(line: string): { ok: boolean; error?: ErrorJson } | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
}
