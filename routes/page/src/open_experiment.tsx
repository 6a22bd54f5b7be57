import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { BatchHistory, ExperimentView } from "../../../lib/schemas/experiment.ts";
import { useApp } from "./context.ts";
import { ExperimentMap } from "./experiment_map.tsx";
import { pathOf, useExperiment } from "./experiment_source.ts";
import { csvBlob } from "./exports.ts";
import { JobPanel } from "./job_panel.tsx";
import { Panel } from "./panel.tsx";
import { numberText } from "./quantity_text.ts";
import { type Session } from "./session.ts";
import { Failure, Waiting } from "./status.tsx";
import { useStore } from "./store.ts";

/** One experiment as it goes on: map, what was learned, and what may be done. */
export function OpenExperiment({ id, session }: { id: string; session: Session }) {
  const app = useApp();
  const { record, history, error } = useExperiment(id);
  const cubes = session.cubes.state === "ready" ? session.cubes.value : [];
  const cube = useMemo(() => cubes.find((one) => one.id === record?.cube), [cubes, record?.cube]);
  const back = (
    <button type="button" class="plain" onClick={() => app.view.set({ experiment: "" })}>All experiments</button>
  );
  if (!record) {
    return <Panel title="Experiment">{error ? <Failure error={error} /> : <Waiting text="Loading …" />}{back}</Panel>;
  }
  return (
    <div class="train-grid">
      <ExperimentMap record={record} cube={cube} />
      <div class="train-side">
        <Panel
          title={record.name}
          class="experiment-panel"
          note={<span class={`state state-${record.state}`}>{record.state}</span>}
          exports={{ name: record.name, curl: app.api.curl(pathOf(id)) }}
        >
          {error && <Failure error={error} />}
          <Facts record={record} history={history} />
          {record.state === "open" ? <Actions record={record} /> : <Result record={record} />}
          {back}
        </Panel>
        <History name={record.name} history={history} />
        {record.result?.job && <JobPanel id={record.result.job} />}
      </div>
    </div>
  );
}

function Facts({ record, history }: { record: ExperimentView; history: BatchHistory[] }) {
  const { shape: [rows, cols], measured, model, strategy, cube } = record;
  const map = history[history.length - 1]?.map;
  return (
    <>
      <dl class="tiles">
        <Tile name="Measured" value={`${measured} of ${rows * cols}`} />
        <Tile name="Learned from" value={String(model?.trainedOn ?? 0)} />
        <Tile name="Strategy" value={strategy} />
        <Tile name="Kind" value={cube ? "rehearsal" : "experiment"} />
      </dl>
      {map?.r2 != null && map.random !== null && (
        <p role="status">
          The map is predicted with r2 {numberText(map.r2, 3)}; as many random points give{" "}
          {numberText(map.random, 3)}.{map.r2 <= map.random && " So far this strategy does not pay here."}
        </p>
      )}
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

function Actions({ record }: { record: ExperimentView }) {
  const app = useApp();
  const { mayTrain } = useStore(app.ui, (ui) => ui.access);
  const [saveAs, setSaveAs] = useState("");
  const [problem, setProblem] = useState<Error | null>(null);
  const [isRunning, setRunning] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const running = useRef(false);
  const path = pathOf(record.id);
  const stop = () => {
    running.current = false;
    setRunning(false);
  };
  useEffect(() => stop, []);
  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    await work().catch(setProblem);
    setBusy(false);
  };
  const measure = async (next: ExperimentView["next"]) => {
    const points = next.map(({ row, col }) => ({ row, col }));
    return await app.api.post<Pick<ExperimentView, "next">>(`${path}/measurements`, { points });
  };
  const run = async () => {
    running.current = true;
    setRunning(true);
    let { next } = record;
    while (running.current && next.length > 0) {
      ({ next } = await measure(next));
      await app.api.json(path, { headers: { Prefer: "wait=20" } });
    }
  };
  const finish = async () => {
    const { result } = await app.api.post<ExperimentView>(`${path}/finish`, saveAs ? { saveAs } : {});
    app.ui.set({ revision: app.ui.get().revision + 1 });
    app.view.set({ cube: result!.cube, model: "", pins: [], zoom: null, region: null });
  };
  if (!mayTrain) return null;
  return (
    <>
      {problem && <Failure error={problem} />}
      <div class="buttons">
        {record.cube && (
          <>
            <button
              type="button"
              disabled={isBusy || record.next.length === 0}
              onClick={() => attempt(async () => void await measure(record.next))}
            >
              Measure
            </button>
            {isRunning ? <button type="button" class="danger" onClick={stop}>Stop</button> : (
              <button
                type="button"
                class="primary"
                disabled={isBusy || record.next.length === 0}
                onClick={() => attempt(run).then(stop)}
              >
                Run
              </button>
            )}
          </>
        )}
      </div>
      {!record.cube && (
        <p class="hint">
          An instrument measures the points in <code>next</code> and sends them to{" "}
          <code>{path}/measurements</code>; the page follows.
        </p>
      )}
      <div class="inline-tools">
        <label>
          Model name{" "}
          <input value={saveAs} placeholder="none" onInput={(event) => setSaveAs(event.currentTarget.value)} />
        </label>
        <button type="button" disabled={isBusy || record.measured === 0} onClick={() => attempt(finish)}>Finish</button>
      </div>
    </>
  );
}

function Result({ record: { result } }: { record: ExperimentView }) {
  const app = useApp();
  if (!result) return null;
  const open = () =>
    app.view.set({ tab: "explore", cube: result.cube, model: "", pins: [], zoom: null, index: 0, layer: "slice" });
  return (
    <div class="buttons">
      <button type="button" class="primary" onClick={open}>Open the cube</button>
    </div>
  );
}

function History({ name, history }: { name: string; history: BatchHistory[] }) {
  if (!history.length) return null;
  const text = (value: number | null | undefined) => value == null ? "–" : numberText(value, 3);
  const rows = history.map(({ measured, before, map, seconds }) => [
    measured,
    before?.r2,
    before?.coverage,
    map?.r2,
    map?.random,
    seconds,
  ]);
  const titles = ["Points", "r2 before learning", "In the 90 % band", "r2 of the map", "Random points", "Seconds"];
  return (
    <Panel
      title="What was learned"
      exports={{
        name: `${name} history`,
        files: { csv: () => csvBlob([titles, ...rows.map((row) => row.map((value) => value ?? NaN))]) },
      }}
    >
      <div class="scroll" tabIndex={0} role="region" aria-label="History">
        <table class="experiment-history">
          <thead>
            <tr>{titles.map((title) => <th key={title} scope="col">{title}</th>)}</tr>
          </thead>
          <tbody>
            {rows.slice(-20).reverse().map((row) => (
              <tr key={row[0]}>{row.map((value, i) => <td key={titles[i]}>{text(value)}</td>)}</tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
