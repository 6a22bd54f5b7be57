import { type Grid, reviveArrays, type Tree } from "./arrays.ts";
import { readNpz } from "./npz.ts";

/** A problem document from the service, or `offline` when it could not be reached. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  constructor(readonly status: number, readonly code: string, detail: string, readonly fields: string[] = []) {
    super(detail);
  }
}

/** A background job that a slow result waits for. */
export interface PendingJob {
  id: string;
  state: string;
}

export interface ResultOptions {
  signal?: AbortSignal;
  onPending?: (job: PendingJob) => void;
}

const POLL_MS = 700;
const MAX_BACKOFF_S = 20;

/** The public HTTP interface as the page uses it. Every method throws ApiProblem, or AbortError when aborted. */
export class ApiClient {
  constructor(readonly base: string, private readonly key: () => string) {}

  /** The header that carries the visitor's key, if there is one. */
  authorization(): Record<string, string> {
    return this.key() ? { Authorization: `Bearer ${this.key()}` } : {};
  }

  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.key()) headers.set("Authorization", `Bearer ${this.key()}`);
    let response: Response;
    try {
      response = await fetch(this.base + path, { ...init, headers });
    } catch (error) {
      if ((error as Error).name === "AbortError") throw error;
      throw new ApiProblem(0, "offline", "The service does not answer. Is it running, and is the network up?");
    }
    if (!response.ok) throw await problemOf(response);
    return response;
  }

  async json<T>(path: string, init?: RequestInit): Promise<T> {
    return await (await this.request(path, init)).json() as T;
  }

  async post<T>(path: string, body: unknown, init: RequestInit = {}): Promise<T> {
    const headers = { "Content-Type": "application/json", ...init.headers as Record<string, string> };
    return await this.json<T>(path, { method: "POST", ...init, headers, body: JSON.stringify(body) });
  }

  /** A result tree; waits for the job behind it when it has to be computed first. */
  async tree(path: string, options: ResultOptions = {}): Promise<{ [key: string]: Tree }> {
    const response = await this.result(path, "application/json", options);
    return reviveArrays(await response.json()) as { [key: string]: Tree };
  }

  /** All arrays of a result in one binary answer, by dotted name. */
  async arrays(path: string, options: ResultOptions = {}): Promise<Map<string, Grid>> {
    const response = await this.result(path, "application/x-npz", options);
    return await readNpz(new Uint8Array(await response.arrayBuffer()));
  }

  /** One array as raw float32. */
  async grid(path: string, options: ResultOptions = {}): Promise<Grid> {
    const response = await this.result(path, "application/octet-stream", options);
    const shape = JSON.parse(`[${(response.headers.get("X-Shape") ?? "").replace(/[[\]\s]/g, "")}]`) as number[];
    return { shape, data: new Float32Array(await response.arrayBuffer()) };
  }

  private async result(path: string, accept: string, options: ResultOptions): Promise<Response> {
    for (;;) {
      const response = await this.patient(path, accept, options.signal);
      if (response.status !== 202) return response;
      const job = await response.json() as PendingJob & { error?: { code: string; detail: string } };
      options.onPending?.(job);
      await this.finished(job.id, options);
    }
  }

  /** A GET that waits out `Retry-After` a few times before it gives up. */
  private async patient(path: string, accept: string, signal?: AbortSignal): Promise<Response> {
    for (let attempt = 0;; attempt++) {
      try {
        return await this.request(path, { headers: { Accept: accept, Prefer: "wait=5" }, signal });
      } catch (error) {
        const busy = error instanceof ApiProblem && (error.status === 429 || error.status === 503);
        if (!busy || attempt >= 4) throw error;
        await pause(Math.min(2 ** attempt, MAX_BACKOFF_S) * 500, signal);
      }
    }
  }

  private async finished(id: string, options: ResultOptions): Promise<void> {
    for (;;) {
      await pause(POLL_MS, options.signal);
      const job = await this.json<PendingJob & { error?: { code: string; detail: string } }>(`/v1/jobs/${id}`, options);
      options.onPending?.(job);
      if (job.state === "succeeded") return;
      if (job.state === "failed" || job.state === "cancelled") {
        throw new ApiProblem(
          422,
          job.error?.code ?? job.state,
          job.error?.detail ?? `The computation was ${job.state}`,
        );
      }
    }
  }

  /** Follows events (`/v1/jobs/{id}/events`) until `done`; reconnects from the last one seen when the connection breaks. */
  async follow(path: string, onEvent: (event: string, data: unknown) => void, signal: AbortSignal): Promise<void> {
    let last = "";
    for (let failures = 0; failures < 6;) {
      try {
        const headers: Record<string, string> = { Accept: "text/event-stream" };
        if (last) headers["Last-Event-ID"] = last;
        const response = await this.request(path, { headers, signal });
        for await (const message of readEvents(response)) {
          failures = 0;
          if (message.id) last = message.id;
          onEvent(message.event, JSON.parse(message.data));
          if (message.event === "done") return;
        }
      } catch (error) {
        if (signal.aborted || (error instanceof ApiProblem && error.status >= 400 && error.status < 500)) throw error;
      }
      failures++;
      await pause(500 * failures, signal);
    }
    throw new ApiProblem(0, "offline", "The connection to the service was lost");
  }

  /** The command line that does the same; a key is named, never shown. */
  curl(path: string, options: { method?: string; body?: unknown; file?: string; accept?: string } = {}): string {
    const parts = ["curl -sS"];
    if (options.method) parts.push(`-X ${options.method}`);
    if (this.key()) parts.push(`-H "Authorization: Bearer $LOOPSCOPE_KEY"`);
    if (options.accept) parts.push(`-H 'Accept: ${options.accept}'`);
    if (options.body !== undefined) {
      parts.push(`-H 'Content-Type: application/json'`, `-d ${quoted(JSON.stringify(options.body))}`);
    }
    if (options.file) parts.push(`--data-binary @${quoted(options.file)}`);
    return [...parts, quoted((this.base || location.origin) + path)].join(" ");
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Resolves after `ms`, rejects with AbortError when aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const body = await response.json().catch(() => ({})) as {
    code?: string;
    detail?: string;
    title?: string;
    errors?: { path: string; message: string }[];
  };
  const detail = body.detail ?? body.title ?? `The service answered ${response.status}`;
  const fields = (body.errors ?? []).map(({ path, message }) => `${path}: ${message}`);
  return new ApiProblem(response.status, body.code ?? String(response.status), detail, fields);
}

interface ServerEvent {
  id: string;
  event: string;
  data: string;
}

/** Server-sent events of a response body (the browser's own EventSource cannot send a key). */
async function* readEvents(response: Response): AsyncGenerator<ServerEvent> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer = (buffer + value).replaceAll("\r\n", "\n");
    for (let end = buffer.indexOf("\n\n"); end >= 0; end = buffer.indexOf("\n\n")) {
      const event = parseEvent(buffer.slice(0, end));
      buffer = buffer.slice(end + 2);
      if (event.data) yield event;
    }
  }
}

function parseEvent(block: string): ServerEvent {
  const event: ServerEvent = { id: "", event: "message", data: "" };
  for (const line of block.split("\n")) {
    const [, field, text] = /^(id|event|data): ?(.*)$/.exec(line) ?? [];
    if (field === "data") event.data += (event.data ? "\n" : "") + text;
    else if (field) event[field as "id" | "event"] = text;
  }
  return event;
}
