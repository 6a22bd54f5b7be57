import { useState } from "preact/hooks";
import type { Score } from "../../../lib/schemas/model.ts";
import { useApp } from "./context.ts";
import { csvBlob, save } from "./exports.ts";
import { LossPlot } from "./loss_plot.tsx";
import { ModelList } from "./model_list.tsx";
import { Markdown } from "./markdown.tsx";
import type { ModelView } from "./model_source.ts";
import { Panel } from "./panel.tsx";
import { numberText, sizeText } from "./quantity_text.ts";
import { useHeld, useResource } from "./resource_cache.ts";
import type { ModelSummary, Session } from "./session.ts";
import { Empty, Loaded } from "./status.tsx";
import { useStore } from "./store.ts";

/** What was learned: cards, scores beside baselines, aliases, files. */
export function Models({ session }: { session: Session }) {
  const app = useApp();
  const chosen = useStore(app.view, (view) => view.model);
  return (
    <Loaded of={session.models}>
      {(models) =>
        models.length === 0
          ? (
            <Empty title="No models yet">
              <p>Train one on a cube.</p>
            </Empty>
          )
          : (
            <div class="models-grid">
              <ModelList models={models} />
              <ModelDetail
                reference={chosen && chosen !== "none" ? chosen : `${models[0].name}@${models[0].version}`}
              />
            </div>
          )}
    </Loaded>
  );
}

function ModelDetail({ reference }: { reference: string }) {
  const app = useApp();
  const revision = useStore(app.ui, (ui) => ui.revision);
  const [name, version] = reference.split("@");
  const path = `/v1/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version ?? "latest")}`;
  const detail = useResource(app.cache, `detail ${path} ${revision}`, async () => {
    const [view, summary] = await Promise.all([
      app.api.json<ModelView>(path),
      app.api.json<ModelSummary>(`/v1/models/${encodeURIComponent(name)}`),
    ]);
    return { view, summary };
  });
  const resource = useHeld(detail);
  return (
    <Loaded of={resource}>
      {({ view, summary }) => (
        <div class="model-detail">
          <div class="stack">
            <ScoresPanel model={view} path={path} />
            <Panel title="Card" exports={{ name: `${view.name} card`, curl: app.api.curl(`${path}/card`) }}>
              <Markdown text={view.card} />
            </Panel>
          </div>
          <div class="stack">
            <FilesPanel model={view} summary={summary} path={path} />
            {view.training && (
              <Panel
                title="How it learned"
                exports={{
                  name: `${view.name} losses`,
                  curl: app.api.curl(path),
                  files: { csv: () => lossTable(view) },
                }}
              >
                <LossPlot
                  curves={{
                    train: view.training.history.trainLoss,
                    test: view.training.history.testLoss,
                    ridge: ridgeLoss(view),
                  }}
                />
              </Panel>
            )}
          </div>
        </div>
      )}
    </Loaded>
  );
}

function lossTable({ training }: ModelView): Blob {
  const { trainLoss, testLoss } = training!.history;
  return csvBlob([["epoch", "train loss", "test loss"], ...trainLoss.map((loss, i) => [i + 1, loss, testLoss[i]])]);
}

function ridgeLoss({ scores, scaler }: ModelView): number | undefined {
  const mse = scores?.baselines.ridge.mse;
  const { std } = scaler.output;
  return mse && typeof std === "number" ? mse / std ** 2 : undefined;
}

function ScoresPanel({ model, path }: { model: ModelView; path: string }) {
  const { api } = useApp();
  const { scores } = model;
  const rows: [string, Score | undefined][] = scores
    ? [
      [`${model.name}, held out`, scores.test],
      [`${model.name}, training part`, scores.train],
      ["Mean of the training part", scores.baselines.mean],
      ["Ridge regression", scores.baselines.ridge],
      ["Nearest training input", scores.baselines.nearest],
      ["RBF kernel ridge", scores.baselines.kernelRidge],
      ["Extremely randomised trees", scores.baselines.trees],
    ]
    : [];
  return (
    <Panel title={`${model.name}, version ${model.version}`} exports={{ name: model.name, curl: api.curl(path) }}>
      {!scores && <p class="notice">An imported checkpoint: it was never scored here.</p>}
      {scores?.verdict && <p class="verdict">{scores.verdict}</p>}
      {scores && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Scores">
          <table>
            <thead>
              <tr>
                <th scope="col">On held-out pixels</th>
                <th scope="col">MSE</th>
                <th scope="col">NRMSE</th>
                <th scope="col">Variance explained</th>
              </tr>
            </thead>
            <tbody>
              {rows.filter(([, score]) => score).map(([label, score]) => (
                <tr key={label}>
                  <th scope="row">{label}</th>
                  <td>{numberText(score!.mse ?? NaN, 3)}</td>
                  <td>{numberText(score!.nrmse ?? NaN, 3)}</td>
                  <td>{score!.r2 === null ? "–" : `${numberText(score!.r2 * 100, 3)} %`}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function FilesPanel({ model, summary, path }: { model: ModelView; summary: ModelSummary; path: string }) {
  const app = useApp();
  const { mayManage, reason } = useStore(app.ui, (ui) => ui.access);
  const [alias, setAlias] = useState("");
  const act = async (work: () => Promise<unknown>, done: string) => {
    try {
      await work();
      app.ui.set({ revision: app.ui.get().revision + 1, message: { text: done, tone: "good" } });
    } catch (error) {
      app.ui.set({ message: { text: (error as Error).message, tone: "bad" } });
    }
  };
  const base = `/v1/models/${encodeURIComponent(model.name)}`;
  const download = async (what: "weights" | "card" | "onnx" | "archive", ending: string) =>
    save(await (await app.api.request(`${path}/${what}`)).blob(), `${model.name}-${model.version}.${ending}`);
  const send = (event: Event) => {
    event.preventDefault();
    const body = JSON.stringify({ version: model.version });
    const headers = { "Content-Type": "application/json" };
    void act(
      () => app.api.request(`${base}/aliases/${encodeURIComponent(alias)}`, { method: "PUT", body, headers }),
      `${alias} is version ${model.version} now`,
    );
    setAlias("");
  };
  const closed = model.readOnly ? "A model that came with the service cannot be changed." : mayManage ? "" : reason;
  return (
    <Panel title="Versions, aliases and files" exports={{ name: model.name, curl: app.api.curl(base) }}>
      <label class="stacked">
        Version
        <select
          value={model.version}
          onChange={(event) => app.view.set({ model: `${model.name}@${event.currentTarget.value}` })}
        >
          {summary.versions.map((v) => <option key={v} value={v}>{v}{v === summary.latest ? " (latest)" : ""}</option>)}
        </select>
      </label>
      <ul class="rows">
        {Object.entries(summary.aliases).map(([name, version]) => (
          <li key={name}>
            <code>{name}</code> → version {version}
            {!closed && (
              <button
                type="button"
                class="plain danger"
                onClick={() =>
                  act(
                    () => app.api.request(`${base}/aliases/${encodeURIComponent(name)}`, { method: "DELETE" }),
                    `${name} removed`,
                  )}
              >
                Remove
              </button>
            )}
          </li>
        ))}
      </ul>
      {closed ? <p class="notice">{closed}</p> : (
        <form class="inline-form" onSubmit={send}>
          <label>
            New alias
            <input
              required
              pattern="[a-z0-9][a-z0-9._\-]{0,63}"
              placeholder="production"
              value={alias}
              onInput={(event) => setAlias(event.currentTarget.value)}
            />
          </label>
          <button type="submit">Point it here</button>
        </form>
      )}
      <div class="buttons spread">
        <button type="button" onClick={() => act(() => download("weights", "safetensors"), "Weights saved")}>
          Weights ({sizeText(model.weights.bytes)})
        </button>
        <button type="button" onClick={() => act(() => download("onnx", "onnx"), "ONNX saved")}>ONNX</button>
        <button type="button" onClick={() => act(() => download("archive", "zip"), "Archive saved")}>Archive</button>
        <button type="button" onClick={() => act(() => download("card", "md"), "Card saved")}>Card</button>
        <button
          type="button"
          class="primary"
          onClick={() => app.view.set({ tab: "explore", model: `${model.name}@${model.version}` })}
        >
          Explore with it
        </button>
      </div>
    </Panel>
  );
}
