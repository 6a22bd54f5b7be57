import type { RunningService } from "../support/running_service.ts";
import { workerPids } from "../support/worker_pids.ts";

export interface Latencies {
  count: number;
  failed: number;
  medianMs: number;
  p99Ms: number;
  maxMs: number;
}

/** Asks `/healthz` now and then, each time over a connection of its own, until it is stopped. */
export function watchHealth(service: RunningService, everyMs = 25): () => Promise<Latencies> {
  const times: number[] = [];
  let failed = 0, stopped = false;
  const watching = (async () => {
    while (!stopped) {
      const startMs = performance.now();
      const ok = await service.fetch("/healthz", { headers: { connection: "close" } })
        .then(async (answer) => (await answer.text()) !== "" && answer.ok, () => false);
      if (ok) times.push(performance.now() - startMs);
      else failed++;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })();
  return async () => {
    stopped = true;
    await watching;
    return latenciesOf(times, failed);
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
