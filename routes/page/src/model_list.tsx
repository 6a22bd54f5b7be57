import { useApp } from "./context.ts";
import { LibraryList } from "./library_list.tsx";
import type { ModelView } from "./model_source.ts";
import { dateText } from "./quantity_text.ts";
import type { ModelSummary } from "./session.ts";
import { useStore } from "./store.ts";

/** Every model, newest first, with the curve of its learning. */
export function ModelList({ models }: { models: ModelView[] }) {
  const app = useApp();
  const chosen = useStore(app.view, (view) => view.model);
  const { mayManage } = useStore(app.ui, (ui) => ui.access);
  const newest = models.toSorted((a, b) => a.createdAt < b.createdAt ? 1 : -1);
  const remove = async (name: string) => {
    const path = `/v1/models/${encodeURIComponent(name)}`;
    const { versions } = await app.api.json<ModelSummary>(path);
    for (const version of versions) await app.api.request(`${path}/versions/${version}`, { method: "DELETE" });
    if (app.view.get().model.startsWith(`${name}@`)) app.view.set({ model: "", brush: null, probe: null });
  };
  return (
    <LibraryList
      title="Models"
      class="model-list"
      exports={{ name: "models", curl: app.api.curl("/v1/models") }}
      loss="All their versions go."
      empty="None yet"
      remove={mayManage ? remove : undefined}
      items={newest.map((model) => ({
        id: model.name,
        name: model.name,
        searched: [model.network.direction, model.training?.cubeName, model.quantity, model.createdAt].join(" "),
        locked: model.readOnly,
        thumbnail: <LossCurve model={model} />,
        content: <ModelRow model={model} isChosen={chosen.startsWith(`${model.name}@`)} />,
      }))}
    />
  );
}

function ModelRow({ model, isChosen }: { model: ModelView; isChosen: boolean }) {
  const app = useApp();
  const { name, version, network, scores, createdAt } = model;
  const r2 = scores?.test.r2;
  return (
    <button
      type="button"
      class={isChosen ? "model-row model-on" : "model-row"}
      aria-pressed={isChosen}
      onClick={() => app.view.set({ model: `${name}@${version}`, brush: null, probe: null })}
    >
      <strong>{name}</strong>
      <span class="muted">
        {network.direction === "im2spec" ? "image → spectrum" : "spectrum → image"} · window {network.window} ·{" "}
        {network.points} steps{typeof r2 === "number" ? ` · r2 ${r2.toFixed(2)}` : ""} · {dateText(createdAt)}
      </span>
    </button>
  );
}

const [WIDTH, HEIGHT] = [44, 32];

/** The training loss over the epochs, as a picture beside the words. */
function LossCurve({ model }: { model: ModelView }) {
  const losses = model.training?.history.trainLoss ?? [];
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const points = losses.map((loss, i) => {
    const x = 2 + (WIDTH - 4) * i / Math.max(1, losses.length - 1);
    const y = 2 + (HEIGHT - 4) * (high - loss) / (high - low || 1);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg class="thumbnail" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <polyline points={points.join(" ")} fill="none" stroke="var(--predicted)" stroke-width="1.5" />
    </svg>
  );
}
