import { useEffect, useState } from "preact/hooks";
import type { JobProgress, JobRecord, TrainingPhase } from "../../../lib/schemas/job.ts";
import { useApp } from "./context.ts";
import { csvBlob } from "./exports.ts";
import { type LossCurves, LossPlot } from "./loss_plot.tsx";
import { Panel } from "./panel.tsx";
import { durationText, numberText } from "./quantity_text.ts";
import { Failure, Waiting } from "./status.tsx";

interface Watched {
  job?: JobRecord;
  progress?: JobProgress;
  phase?: TrainingPhase;
  curves: LossCurves;
  error?: Error;
}

/** How often the record of a running job is read for its phase. */
const PHASE_EVERY_MS = 2000;
const ENDED = ["succeeded", "failed", "cancelled"];

/** Follows one training job: first its record, then its events as they come. */
function useJob(id: string): Watched {
  const app = useApp();
  const [watched, setWatched] = useState<Watched>({ curves: { train: [], test: [] } });
  useEffect(() => {
    const stop = new AbortController();
    const read = async () => {
      const job = await app.api.json<JobRecord>(`/v1/jobs/${encodeURIComponent(id)}`, { signal: stop.signal });
      const { progress } = job;
      setWatched((old) => ({
        ...old,
        ...{ job, progress: progress ?? old.progress, phase: progress?.phase ?? old.phase },
        curves: merge(old.curves, job),
      }));
      return job;
    };
    const watch = async () => {
      const job = await read();
      if (ENDED.includes(job.state)) return;
      // Phases are in the record; no event says them.
      const looking = setInterval(() => void read().catch(() => {}), PHASE_EVERY_MS);
      try {
        const path = `/v1/jobs/${encodeURIComponent(id)}/events`;
        await app.api.follow(path, (event, data) => setWatched((old) => applied(old, event, data)), stop.signal);
      } finally {
        clearInterval(looking);
      }
      const ended = await read();
      if (ended.state === "succeeded") app.ui.set({ revision: app.ui.get().revision + 1 });
    };
    watch().catch((error) => {
      if (!stop.signal.aborted) setWatched((old) => ({ ...old, error }));
    });
    return () => stop.abort();
  }, [id]);
  return watched;
}

/** A job's history is whole; events may have been missed. */
function merge(curves: LossCurves, { history, progress }: JobRecord): LossCurves {
  const ridge = progress?.ridgeLoss ?? curves.ridge;
  if (!history || history.trainLoss.length < curves.train.length) return { ...curves, ridge };
  return { train: history.trainLoss, test: history.testLoss, ridge };
}

function applied(old: Watched, event: string, data: unknown): Watched {
  if (event === "state" && old.job) {
    const { state } = data as { state?: JobRecord["state"] };
    return { ...old, job: { ...old.job, state: state ?? old.job.state } };
  }
  if (event !== "epoch") return old;
  const progress = data as JobProgress;
  const put = (values: readonly (number | null)[], value: number | null) => {
    const next = [...values];
    next[progress.epoch - 1] = value;
    return next;
  };
  const curves = {
    train: put(old.curves.train, progress.trainLoss),
    test: put(old.curves.test, progress.testLoss),
    ridge: progress.ridgeLoss ?? old.curves.ridge,
  };
  return { ...old, progress, curves };
}

/** Live curves of a training job, time left, and what came of it. */
export function JobPanel({ id }: { id: string }) {
  const app = useApp();
  const { job, progress, phase, curves, error } = useJob(id);
  const [cancelling, setCancelling] = useState(false);
  const cancel = async () => {
    setCancelling(true);
    try {
      await app.api.request(`/v1/jobs/${encodeURIComponent(id)}`, { method: "DELETE" });
    } catch (problem) {
      app.ui.set({ message: { text: (problem as Error).message, tone: "bad" } });
      setCancelling(false);
    }
  };
  const title = job?.request.kind === "train" ? `Training ${job.request.saveAs}` : "Training";
  return (
    <Panel
      title={title}
      class="job-panel"
      note={job && <span class={`state state-${job.state}`}>{job.state}</span>}
      exports={{
        name: title,
        curl: app.api.curl(`/v1/jobs/${id}/events`),
        files: {
          csv: () =>
            csvBlob([
              ["epoch", "train loss", "test loss"],
              ...curves.train.map((loss, i) => [i + 1, loss ?? NaN, curves.test[i] ?? NaN]),
            ]),
        },
      }}
    >
      {error && <Failure error={error} />}
      {!job && !error && <Waiting text="Asking after the job …" />}
      {job && (
        <>
          <Progress progress={progress} phase={phase} job={job} />
          <LossPlot curves={curves} />
          {job.error && <Failure error={new Error(job.error.detail)} />}
          <div class="buttons">
            <button type="button" class="plain" onClick={() => app.view.set({ job: "" })}>All jobs</button>
            {!ENDED.includes(job.state) && (
              <button type="button" class="danger" disabled={cancelling} onClick={cancel}>
                {cancelling ? "Cancelling …" : "Cancel"}
              </button>
            )}
            {job.result?.model && <ResultButtons model={`${job.result.model}@${job.result.version}`} />}
          </div>
        </>
      )}
    </Panel>
  );
}

function ResultButtons({ model }: { model: string }) {
  const app = useApp();
  return (
    <>
      <button type="button" onClick={() => app.view.set({ tab: "models", model })}>Model card</button>
      <button
        type="button"
        class="primary"
        onClick={() => app.view.set({ tab: "explore", model, layer: "error:nrmse" })}
      >
        See where it fails
      </button>
    </>
  );
}

/** What a training does while no epoch ends. */
const PHASES: Record<TrainingPhase, string> = {
  preparing: "Preparing the patches",
  folds: "Choosing noise and stretch on folds of the training part",
  training: "Training",
  calibrating: "Calibrating the spread on folds of the training part",
  scoring: "Scoring against the baselines",
  saving: "Saving the model",
};

function Progress({ progress, phase = "preparing", job }: {
  progress: JobProgress | undefined;
  phase?: TrainingPhase;
  job: JobRecord;
}) {
  if (!progress?.epoch) {
    return <p class="muted">{job.state === "queued" ? "Waiting for its turn" : PHASES[phase]}</p>;
  }
  const { epoch, epochs, patchesPerSecond, etaSeconds, trainLoss, testLoss } = progress;
  const running = job.state === "running";
  return (
    <>
      <progress value={epoch} max={epochs} aria-label="Epochs done" />
      <dl class="tiles">
        <Tile name="Epoch" value={`${epoch} / ${epochs}`} />
        <Tile name="Train loss" value={numberText(trainLoss ?? NaN, 3)} />
        <Tile name="Test loss" value={numberText(testLoss ?? NaN, 3)} />
        {running && phase !== "training" && <Tile name="Now" value={PHASES[phase]} />}
        {running && <Tile name="Time left" value={etaSeconds === null ? "–" : durationText(etaSeconds)} />}
        {running && <Tile name="Patches a second" value={numberText(Math.round(patchesPerSecond ?? NaN), 3)} />}
      </dl>
    </>
  );
}

function Tile({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
