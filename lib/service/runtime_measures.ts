import type { ResultTree } from "../base/nd_array.ts";
import type { LocalPredictor } from "./local_predictor.ts";
import type { Measure, Sample } from "../base/measure.ts";
import type { BatchTotals } from "../jobs/processes/request_batcher.ts";
import type { JobRunner } from "../jobs/queue/job_runner.ts";
import type { WorkerPool } from "../jobs/processes/worker_pool.ts";
import type { Store } from "../store/ports/store.ts";

export interface MeasuredParts {
  store: Store;
  compute: WorkerPool;
  analysis: WorkerPool;
  runner: JobRunner;
  local?: LocalPredictor;
}

const TOTALS_TIMEOUT_MS = 500;

/** What there is to watch below HTTP, for `/metrics`. */
export function runtimeMeasures({ store, compute, analysis, runner, local }: MeasuredParts): Measure[] {
  const startedMs = performance.now();
  const pools: [string, WorkerPool][] = [["compute", compute], ["analysis", analysis]];
  const ofPools = (value: (pool: WorkerPool) => number) => () =>
    pools.map(([worker, pool]): Sample => ({ labels: { worker }, value: value(pool) }));
  const ofKinds = (value: (begun: { jobs: number; waitedS: number }) => number) => () =>
    Object.entries(runner.begun).map(([kind, begun]): Sample => ({ labels: { kind }, value: value(begun) }));
  const totals = predictionTotals(compute, local);
  return [
    gauge("loopscope_jobs", "Jobs by state", () => byState(store), ["state"]),
    counter("loopscope_jobs_begun_total", "Jobs begun by kind", ofKinds(({ jobs }) => jobs), ["kind"]),
    counter("loopscope_job_wait_seconds_total", "How long those waited", ofKinds(({ waitedS }) => waitedS), ["kind"]),
    gauge("loopscope_calls_busy", "Calls that worker processes work on", ofPools((pool) => pool.busy), ["worker"]),
    gauge("loopscope_calls_waiting", "Calls that wait for one", ofPools((pool) => pool.waiting), ["worker"]),
    counter("loopscope_worker_restarts_total", "Processes lost", ofPools((pool) => pool.lost), ["worker"]),
    counter("loopscope_worker_frozen_total", "Processes found frozen", ofPools((pool) => pool.frozen), ["worker"]),
    counter("loopscope_predict_batches_total", "Batches predicted", async () => (await totals()).batches),
    counter("loopscope_predict_samples_total", "Samples in them", async () => (await totals()).samples),
    counter("loopscope_predict_engine_seconds_total", "Engine time of them", async () => (await totals()).seconds),
    gauge("loopscope_training_patches_per_second", "Throughput of running training", () => throughput(store)),
    gauge("loopscope_cubes", "Stored cubes", async () => (await store.cubes.usage()).cubes),
    gauge("loopscope_cube_bytes", "Bytes of stored cubes", async () => (await store.cubes.usage()).bytes),
    gauge("loopscope_disk_free_bytes", "Free on the data folder's disk", () => store.scratch.freeBytes()),
    gauge("loopscope_memory_bytes", "Resident memory of the service's own process", () => Deno.memoryUsage().rss),
    gauge("loopscope_uptime_seconds", "Since the start", () => (performance.now() - startedMs) / 1000),
  ];
}

function gauge(name: string, help: string, read: Measure["read"], labels?: string[]): Measure {
  return { type: "gauge", name, help, read, labels };
}

function counter(name: string, help: string, read: Measure["read"], labels?: string[]): Measure {
  return { type: "counter", name, help, read, labels };
}

async function byState(store: Store): Promise<Sample[]> {
  return Object.entries(await store.jobs.countByState()).map(([state, value]) => ({ labels: { state }, value }));
}

async function throughput(store: Store): Promise<number> {
  const running = await store.jobs.inState("running");
  const jobs = await Promise.all(running.map((id) => store.jobs.get(id, { bare: true })));
  return jobs.reduce((sum, job) => sum + (job?.progress?.patchesPerSecond ?? 0), 0);
}

type Totals = Readonly<BatchTotals>;

/**
 * Of the compute process and of this one, asked for once a scrape; a process that does not answer in time leaves its last
 * known figures.
 */
function predictionTotals(compute: WorkerPool, local: LocalPredictor | undefined): () => Promise<Totals> {
  let last: Totals = { batches: 0, samples: 0, seconds: 0 };
  let asking: Promise<Totals> | undefined;
  const ask = async () => {
    try {
      const timeoutMs = TOTALS_TIMEOUT_MS;
      last = await compute.call("totals", null, { timeoutMs }) as ResultTree & { [key in keyof Totals]: number };
    } catch {
      // Busy, or starting again.
    }
    asking = undefined;
    const here = await local?.totals();
    if (!here) return last;
    return {
      batches: last.batches + here.batches,
      samples: last.samples + here.samples,
      seconds: last.seconds + here.seconds,
    };
  };
  return () => asking ??= ask();
}
