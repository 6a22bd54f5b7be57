import { setPriority } from "node:os";
import { errorFromJson, LoopscopeError } from "../../base/errors.ts";
import type { ResultTree } from "../../base/nd_array.ts";
import { parseBeat } from "./heartbeat.ts";
import { HeartbeatMonitor } from "./heartbeat_monitor.ts";
import { decodeMessages, MessageWriter, type WorkerMessage } from "./worker_channel.ts";

export interface WorkerOptions {
  /** Entry module. */
  entry: URL;
  /** Deno's permission flags, such as `--allow-read=…`. */
  permissions: string[];
  /** Limit of the JavaScript heap. */
  heapMegabytes?: number;
  args?: string[];
  /** If a cancelled call has not ended after this time, the process is killed. Default: no limit. */
  cancelGraceMs?: number;
  /** Called when a cancelled call has really ended. */
  onFree?: () => void;
  /** The process sends heartbeats (`startHeartbeat`): it is killed when they stop. */
  heartbeat?: boolean;
}

export interface CallOptions {
  signal?: AbortSignal;
  onProgress?: (value: ResultTree) => void;
  timeoutMs?: number;
  /** Overrides `WorkerOptions.cancelGraceMs` for this call. */
  cancelGraceMs?: number;
}

interface PendingCall {
  resolve(value: ResultTree): void;
  reject(error: Error): void;
  onProgress?: (value: ResultTree) => void;
}

const NICENESS = 5;
/** Of what a process says without a line's end only so much is kept. */
const MAX_LINE = 65536;
/** Longest delay of a timer; longer ones fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Error code of the calls of a process that has died. */
export const WORKER_LOST = "worker_lost";
/** … and of one that was killed because a cancelled call did not end: its other calls may be repeated. */
export const WORKER_REPLACED = "worker_replaced";

/**
 * A child process that serves calls over its stdin and stdout. When it dies, all its calls are rejected with
 * `worker_lost`; its owner starts another.
 */
export class WorkerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #writer: MessageWriter;
  readonly #pending = new Map<number, PendingCall>();
  /** Cancelled calls on which the process may still be working, each with the timer that would end it. */
  readonly #cancelled = new Map<number, ReturnType<typeof setTimeout> | undefined>();
  readonly #cancelGraceMs?: number;
  readonly #onFree?: () => void;
  readonly #monitor?: HeartbeatMonitor;
  #nextId = 1;
  #dead = false;
  /** Why it was found frozen and killed. */
  frozen?: string;
  /** Resolves when the process has ended. */
  readonly ended: Promise<Deno.CommandStatus>;

  /** Throws `worker_lost` where the system cannot start another process. */
  constructor(options: WorkerOptions) {
    this.#cancelGraceMs = options.cancelGraceMs;
    this.#onFree = options.onFree;
    this.#child = spawn(options);
    if (options.heartbeat) {
      this.#monitor = new HeartbeatMonitor((reason) => this.#killFrozen(reason));
      void this.#readErrors();
    }
    lowerPriority(this.#child.pid);
    this.#writer = new MessageWriter(this.#child.stdin);
    this.ended = this.#child.status.then((status) => {
      this.#monitor?.close();
      this.#fail(`The worker process ended with ${status.signal ?? `code ${status.code}`}`);
      return status;
    });
    void this.#listen();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Whether its heartbeats have stopped for some seconds. */
  get suspected(): boolean {
    return this.#monitor?.suspected ?? false;
  }

  get alive(): boolean {
    return !this.#dead;
  }

  /** Number of calls that the process works on, cancelled ones that have not ended yet included. */
  get busy(): number {
    return this.#pending.size + this.#cancelled.size;
  }

  /** Calls a method; aborting the signal cancels it in the worker and rejects with `cancelled` at once. */
  call(method: string, value: ResultTree, options: CallOptions = {}): Promise<ResultTree> {
    if (this.#dead) return Promise.reject(workerLost("The worker process has ended"));
    options.signal?.throwIfAborted();
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<ResultTree>();
    const cancel = (error: LoopscopeError) => {
      if (!this.#pending.has(id)) return;
      void this.#writer.send({ type: "cancel", id }).catch(() => {});
      const grace = options.cancelGraceMs ?? this.#cancelGraceMs;
      this.#cancelled.set(id, grace === undefined ? undefined : setTimeout(() => this.#replace(), grace));
      reject(error);
    };
    const onAbort = () => cancel(new LoopscopeError("cancelled", "cancelled", "The call was cancelled"));
    options.signal?.addEventListener("abort", onAbort, { once: true });
    const timer = options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => cancel(timedOut(options)), Math.min(options.timeoutMs, LONGEST_TIMER_MS));
    this.#pending.set(id, { resolve, reject, onProgress: options.onProgress });
    this.#writer.send({ type: "call", id, method, value }).catch(() => this.#fail("The worker process does not read"));
    return promise.finally(() => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
      this.#pending.delete(id);
    });
  }

  /** Closes stdin, so that the worker exits by itself. */
  async close(graceMs = 2000): Promise<void> {
    const timer = setTimeout(() => this.kill(), graceMs);
    await this.#writer.close().catch(() => {});
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }

  #killFrozen(reason: string): void {
    this.frozen = reason;
    this.#fail(`The worker process is frozen: ${reason}`);
    this.kill();
  }

  /** Heartbeats are kept, the rest goes on to our own standard error. */
  async #readErrors(): Promise<void> {
    let rest = "";
    try {
      for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!.slice(-MAX_LINE);
        for (const line of lines) {
          const silentMs = parseBeat(line);
          if (silentMs !== undefined) this.#monitor?.beat(silentMs);
          else console.error(line);
        }
      }
    } catch {
      // It has ended.
    }
  }

  #replace(): void {
    this.#fail("The worker process was ended for a cancelled call", WORKER_REPLACED);
    this.kill();
  }

  async #listen(): Promise<void> {
    try {
      for await (const message of decodeMessages(this.#child.stdout)) this.#receive(message);
    } catch {
      this.kill();
    }
  }

  #receive(message: WorkerMessage): void {
    if (message.type !== "progress" && this.#cancelled.has(message.id)) {
      clearTimeout(this.#cancelled.get(message.id));
      this.#cancelled.delete(message.id);
      this.#onFree?.();
    }
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if (message.type === "result") pending.resolve(message.value);
    else if (message.type === "error") pending.reject(errorFromJson(message.error));
    else if (message.type === "progress") pending.onProgress?.(message.value);
  }

  #fail(reason: string, code = WORKER_LOST): void {
    this.#dead = true;
    for (const timer of this.#cancelled.values()) clearTimeout(timer);
    this.#cancelled.clear();
    for (const pending of [...this.#pending.values()]) pending.reject(workerLost(reason, code));
  }
}

function spawn(options: WorkerOptions): Deno.ChildProcess {
  const args = workerArguments(options);
  try {
    // Looking for a GPU, the graphics library complains where this folder is not set, though nothing is drawn.
    const env = { XDG_RUNTIME_DIR: "/tmp" };
    const stderr = options.heartbeat ? "piped" : "inherit";
    return new Deno.Command(Deno.execPath(), { args, env, stdin: "piped", stdout: "piped", stderr }).spawn();
  } catch (error) {
    throw workerLost(`The worker process did not start: ${(error as Error).message}`);
  }
}

/** Lower CPU priority than HTTP; threads inherit it. */
function lowerPriority(pid: number): void {
  try {
    setPriority(pid, NICENESS);
  } catch {
    // Not permitted: all processes then have the same priority.
  }
}

function workerArguments(options: WorkerOptions): string[] {
  const heap = options.heapMegabytes === undefined ? [] : [`--v8-flags=--max-old-space-size=${options.heapMegabytes}`];
  return [
    "run",
    "--quiet",
    "--no-prompt",
    "--unstable-webgpu",
    ...heap,
    ...options.permissions,
    options.entry.href,
    ...(options.args ?? []),
  ];
}

function workerLost(reason: string, code = WORKER_LOST): LoopscopeError {
  return new LoopscopeError("unavailable", code, reason, { retryAfterS: 1 });
}

function timedOut(options: CallOptions): LoopscopeError {
  return new LoopscopeError(
    "unavailable",
    "timeout",
    `The call is not done; expected it within ${options.timeoutMs} ms`,
    { retryAfterS: 5 },
  );
}
