import { type Clock, systemClock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Measure } from "../base/measure.ts";
import { executeTraining } from "../jobs/training/execute_training.ts";
import { IngestProcesses } from "../jobs/ingest/ingest_process.ts";
import { StoredJobQueue } from "../jobs/queue/job_queue.ts";
import { JobRunner } from "../jobs/queue/job_runner.ts";
import { ResultComputer } from "../jobs/results/result_computer.ts";
import { checkWebhook, WebhookSender } from "../jobs/queue/webhook.ts";
import { WorkerPool } from "../jobs/processes/worker_pool.ts";
import { needsKeys, type Settings } from "../schemas/settings.ts";
import { openEmbeddedStore } from "../store/embedded/open_embedded_store.ts";
import type { Store } from "../store/ports/store.ts";
import { createCubeService } from "./cube_service.ts";
import { createExperimentService } from "./experiments/experiment_service.ts";
import { createJobService } from "./job_service.ts";
import { LocalPredictor } from "./local_predictor.ts";
import { createModelService } from "./model_service.ts";
import { createPredictionService } from "./prediction_service.ts";
import { Quotas } from "./quotas.ts";
import { createResultService } from "./result_service.ts";
import { runtimeMeasures } from "./runtime_measures.ts";
import type { Services } from "./services.ts";
import { sweepExpired } from "./sweep_expired.ts";
import { createComputePool } from "./compute_pool.ts";
import { ServiceState } from "./system_service.ts";
import { createUploadService } from "./upload_service.ts";

export interface RuntimeOptions {
  settings: Settings;
  version: string;
  log: Log;
  /** The shipped models. */
  zooPath: string;
  clock?: Clock;
}

/** A store, its worker processes and the use cases on them. */
export interface Runtime {
  store: Store;
  services: Services;
  state: ServiceState;
  compute: WorkerPool;
  analysis: WorkerPool;
  /** Begins to take jobs. */
  start(): void;
  measures: Measure[];
  /** Takes no more jobs; running ones are saved, within the time. Requests are still answered. */
  drain(graceMs: number): Promise<void>;
  /** Drains, ends the processes, closes the store. */
  stop(graceMs: number): Promise<void>;
}

const WAITING_RESULTS = 256;
const SWEEP_EVERY_MS = 10 * 60_000;
const HOUR_MS = 3600 * 1000;
const CANCEL_GRACE_MS = 700;
const PARSE_MEMORY_BYTES = 2 * 2 ** 30;

/** Wires everything below HTTP. Throws what opening the store throws. */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { settings, log, version, clock = systemClock } = options;
  const threads = settings.LOOPSCOPE_THREADS ?? navigator.hardwareConcurrency;
  const store = await openEmbeddedStore({ root: settings.LOOPSCOPE_DATA, zooPath: options.zooPath, clock });
  const { compute, analysis, ingest } = createPools(options, store, threads, () => void state.refresh());
  const local = ["auto", "wasm", "webgpu"].includes(settings.LOOPSCOPE_ENGINE)
    ? new LocalPredictor({ log: log.error })
    : undefined;
  const webhooks = createWebhooks(options, store, clock);
  const queue = new StoredJobQueue(store.jobs, clock, (job) => webhooks.notify(job));
  const quotas = new Quotas(settings, !needsKeys(settings));
  const stopping = new AbortController();
  const computer = new ResultComputer({ store, compute, analysis });
  const results = createResultService({ store, queue, computer, quotas });
  const limits = { maxUploadBytes: settings.LOOPSCOPE_MAX_UPLOAD_BYTES };
  const state = new ServiceState({ version, compute, limits });
  const runner = new JobRunner({
    ...{ queue, store: store.jobs, checkpoints: store.checkpoints, clock, log },
    lanes: [{ kinds: ["train"], concurrency: 1 }, { kinds: ["result"], concurrency: threads }],
    async execute(job, context) {
      const { request } = job;
      const caller = await store.jobs.callerOf(job.id) ?? "";
      if (request.kind === "train") {
        const timeoutMs = quotas.trainingTimeoutMs(caller);
        return await executeTraining(job, request, { store, compute, context, clock, log, timeoutMs });
      }
      const progress = (fraction: number) => context.onEpoch(percent(fraction));
      await results.execute(request, { signal: context.signal, caller, progress });
      return {};
    },
  });
  const maxUploadBytes = settings.LOOPSCOPE_MAX_UPLOAD_BYTES;
  const maxStoredBytes = settings.LOOPSCOPE_MAX_STORED_BYTES;
  const cubes = createCubeService({ store, ingest, clock, maxUploadBytes, maxStoredBytes, quotas });
  const jobs = createJobService({
    store,
    queue,
    quotas,
    stopping: stopping.signal,
    checkWebhook: (url) => checkWebhook(url, settings.LOOPSCOPE_WEBHOOK_HOSTS),
  });
  const services: Services = {
    cubes,
    uploads: createUploadService({ store, cubes, clock, maxUploadBytes, quotas }),
    jobs,
    experiments: createExperimentService({ store, analysis, cubes, jobs, quotas, clock, stopping: stopping.signal }),
    models: createModelService({ store, compute, clock, producerVersion: version }),
    predictions: createPredictionService({ store, compute, local }),
    results,
    system: state,
  };
  const keepModelsMs = settings.LOOPSCOPE_VISITOR_HOURS * HOUR_MS;
  const sweep = () => sweepExpired({ store, cubes, clock, log, keepModelsMs });
  let sweeping: ReturnType<typeof setInterval> | undefined;
  async function drain(graceMs: number) {
    state.drain();
    stopping.abort();
    clearInterval(sweeping);
    await runner.drain(graceMs);
  }
  return {
    ...{ store, services, state, compute, analysis, drain },
    measures: runtimeMeasures({ store, compute, analysis, runner, local }),
    start() {
      runner.start();
      webhooks.resume().catch((error) => log.error("webhooks_not_resumed", { error: String(error) }));
      void sweep();
      sweeping = setInterval(() => void sweep(), SWEEP_EVERY_MS);
    },
    async stop(graceMs) {
      await drain(graceMs);
      await Promise.all([compute.close(), analysis.close(), webhooks.close(), local?.close()]);
      await store.close();
    },
  };
}

function createPools({ settings, log }: RuntimeOptions, store: Store, threads: number, onEngineReplaced: () => void) {
  const program = `${import.meta.dirname}/../..`;
  const { readable, writable } = store.scratch;
  const read = `--allow-read=${[program, ...readable].join(",")}`;
  const write = `--allow-write=${writable.join(",")}`;
  const lost = (worker: string) => (reason: string) => log.error("worker_lost", { worker, reason });
  const compute = createComputePool({
    engine: settings.LOOPSCOPE_ENGINE,
    threads,
    permissions: [read, write],
    onLost: lost("compute"),
    onEngineReplaced(engine) {
      log.warn("engine_replaced", { engine, reason: "The GPU failed" });
      onEngineReplaced();
    },
  });
  const analysis = new WorkerPool({
    worker: () => ({
      entry: new URL("../jobs/analysis_worker.ts", import.meta.url),
      permissions: [read, "--allow-sys", "--ignore-env"],
      cancelGraceMs: CANCEL_GRACE_MS,
      heartbeat: true,
    }),
    ...{ size: threads, callsPerWorker: 1, maxWaiting: WAITING_RESULTS, onLost: lost("analysis") },
  });
  const ingest = new IngestProcesses({
    timeoutMs: settings.LOOPSCOPE_PARSE_TIMEOUT_S * 1000,
    memoryBytes: PARSE_MEMORY_BYTES,
    concurrency: Math.max(1, Math.floor(threads / 2)),
  });
  return { compute, analysis, ingest };
}

function createWebhooks({ settings, log }: RuntimeOptions, store: Store, clock: Clock): WebhookSender {
  const secret = new TextEncoder().encode(settings.LOOPSCOPE_WEBHOOK_SECRET ?? "");
  return new WebhookSender({ store: store.jobs, clock, log, allowedHosts: settings.LOOPSCOPE_WEBHOOK_HOSTS, secret });
}

/** Result jobs count percent where training jobs count epochs. */
function percent(fraction: number) {
  const epoch = Math.round(100 * fraction);
  return { epoch, epochs: 100, trainLoss: null, testLoss: null, patchesPerSecond: null, etaSeconds: null };
}
