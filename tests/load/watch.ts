import type { RunningService } from "../support/running_service.ts";
import { workerPids } from "../support/worker_pids.ts";

export interface Latencies {
  count: number;
  failed: number;
  medianMs: number;
  p99Ms: number;
  maxMs: number;
}

/** Asks `/healthz` now and then, each time over a connection of its own, until the returned function is called. */
export function watchHealth(service: RunningService): () => Promise<Latencies> {
  const stop = probe(`${service.url}/healthz`, { headers: { connection: "close" } });
  return async () => {
    const { 200: ok = [], ...others } = await stop();
    return latenciesOf(ok, Object.values(others).flat().length);
  };
}

/** Sends one request again and again from a thread of its own; the returned function ends it and gives times by status. */
export function probe(url: string, init: RequestInit, everyMs = 25): () => Promise<Record<number, number[]>> {
  const worker = new Worker(new URL("./probe_worker.ts", import.meta.url), { type: "module" });
  worker.postMessage({ url, init, everyMs });
  return async () => {
    const { promise, resolve } = Promise.withResolvers<Record<number, number[]>>();
    worker.onmessage = ({ data }) => resolve(data);
    worker.postMessage("stop");
    const times = await promise;
    worker.terminate();
    return times;
  };
}

export function latenciesOf(times: readonly number[], failed = 0): Latencies {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN);
  return { count: sorted.length, failed, medianMs: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

export interface Footprint {
  /** Resident memory of the service's own process and of its compute process, MiB. */
  serviceMiB: number;
  computeMiB: number;
  descriptors: number;
}

export function footprintOf(service: RunningService): Footprint {
  const [compute] = workerPids(service.pid, "compute_worker");
  return {
    serviceMiB: residentMiB(service.pid),
    computeMiB: compute === undefined ? 0 : residentMiB(compute),
    descriptors: [...Deno.readDirSync(`/proc/${service.pid}/fd`)].length,
  };
}

function residentMiB(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+([0-9]+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
