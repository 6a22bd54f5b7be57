import { createHmac } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { unprocessable } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { sleep } from "../../base/timeouts.ts";
import type { JobRecord } from "../../schemas/job.ts";
import type { JobStore } from "../../store/ports/job_store.ts";

export interface WebhookOptions {
  store: JobStore;
  clock: Clock;
  log: Log;
  /** Hosts that may be told, as `host` or `host:port`. */
  allowedHosts: readonly string[];
  /** Key of the signature, shared with the receiver. */
  secret: Uint8Array;
  /** Waits before each further try, milliseconds. */
  backoffMs?: readonly number[];
  timeoutMs?: number;
}

const BACKOFF_MS = [1000, 5000, 30_000, 120_000];
const TIMEOUT_MS = 10_000;

/** Throws `webhook_not_allowed` (unprocessable) unless the owner allowed the host. */
export function checkWebhook(url: string, allowedHosts: readonly string[]): void {
  const { protocol, host, hostname, username, password } = new URL(url);
  const allowed = allowedHosts.includes(host) || allowedHosts.includes(hostname);
  if (allowed && /^https?:$/.test(protocol) && !username && !password) return;
  const list = allowedHosts.join(", ") || "none";
  throw unprocessable("webhook_not_allowed", `Webhooks may go to these hosts: ${list}; met ${host}`);
}

/** `sha256=` and the HMAC-SHA256 of `TIMESTAMP.BODY`, hexadecimal. */
export function signWebhook(secret: Uint8Array, timestamp: string, body: string): string {
  return `sha256=${createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex")}`;
}

/**
 * Tells a job's webhook that it ended: a signed POST of the job, tried a few times, redirects not followed. What was not
 * delivered when the process stopped is told after the next start (`resume`): a receiver may hear of a job twice.
 */
export class WebhookSender {
  readonly #stop = new AbortController();
  readonly #pending = new Set<Promise<void>>();

  constructor(private readonly options: WebhookOptions) {}

  /** For the queue's `onFinished`. Returns at once. */
  notify(job: JobRecord): void {
    const url = job.request.kind === "train" ? job.request.webhook : undefined;
    if (!url || this.#stop.signal.aborted) return;
    const pending = this.#deliver(url, job).finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  /** Tells what an earlier process left untold. */
  async resume(): Promise<void> {
    for (const job of await this.options.store.unnotified()) this.notify(job);
  }

  /** Resolves when nothing is being told; deliveries that wait for their next try are left for `resume`. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#pending);
  }

  async #deliver(url: string, job: JobRecord): Promise<void> {
    const { store, clock, log, backoffMs = BACKOFF_MS } = this.options;
    let problem = "";
    for (const waitMs of [0, ...backoffMs]) {
      await sleep(waitMs, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      problem = await this.#post(url, job);
      if (problem === "") break;
      if (this.#stop.signal.aborted) return; // cut off, perhaps at its last try: `resume` tells it
      log.warn("webhook_failed", { job: job.id, host: new URL(url).host, problem });
    }
    try {
      await store.markNotified(job.id, clock.nowMs());
    } catch (error) {
      // On a full disk: the next start tells it once more.
      return log.error("webhook_not_recorded", { job: job.id, error: String(error) });
    }
    log.info("webhook_done", { job: job.id, delivered: problem === "" });
  }

  /** An empty string, or what went wrong. */
  async #post(url: string, job: JobRecord): Promise<string> {
    const { secret, clock, allowedHosts, timeoutMs = TIMEOUT_MS } = this.options;
    const body = JSON.stringify(job);
    const timestamp = String(Math.floor(clock.nowMs() / 1000));
    try {
      checkWebhook(url, allowedHosts);
      const response = await fetch(url, {
        method: "POST",
        redirect: "manual",
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(timeoutMs)]),
        body,
        headers: {
          "content-type": "application/json",
          "user-agent": "loopscope",
          "x-loopscope-timestamp": timestamp,
          "x-loopscope-signature": signWebhook(secret, timestamp, body),
        },
      });
      await response.body?.cancel();
      return response.ok ? "" : `The receiver answered ${response.status}`;
    } catch (error) {
      return (error as Error).message;
    }
  }
}
