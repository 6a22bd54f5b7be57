import { useState } from "preact/hooks";
import type { ExperimentView, Strategy } from "../../../lib/schemas/experiment.ts";
import { useApp } from "./context.ts";
import { Panel } from "./panel.tsx";
import { quantityText } from "./quantity_text.ts";
import { useResource, valueOf } from "./resource_cache.ts";
import { listAll, type Session } from "./session.ts";
import { Empty, Failure } from "./status.tsx";
import { useStore } from "./store.ts";

const STRATEGIES: [Strategy, string][] = [
  ["mixed", "mixed: half spread out, half where the prediction is least sure"],
  ["space", "space: spread over the map"],
  ["uncertainty", "uncertainty: where the prediction is least sure"],
  ["novelty", "novelty: patches unlike those that were measured"],
  ["target", "target: towards the extreme of one parameter"],
  ["random", "random, for comparison"],
  ["grid", "grid that gets finer, for comparison"],
];

interface Options {
  name: string;
  isRehearsal: boolean;
  /** Name of an image channel; empty for the response at a step. */
  image: string;
  strategy: Strategy;
  parameter: string;
  goal: "max" | "min";
  order: "score" | "path";
  batch: number;
  window: number;
  seed: number;
}

/** Opens an experiment on a map of the chosen cube, or a rehearsal on the cube; earlier ones are listed beside. */
export function NewExperiment({ session }: { session: Session }) {
  const app = useApp();
  const { mayTrain, reason } = useStore(app.ui, (ui) => ui.access);
  return (
    <div class="train-grid">
      {mayTrain ? <Form session={session} /> : (
        <section class="panel" aria-label="Measure">
          <Empty title="Experiments are closed to visitors">
            <p>{reason}</p>
          </Empty>
        </section>
      )}
      <Recent />
    </div>
  );
}

const NUMBERS: { key: "batch" | "window" | "seed"; label: string; min: number; max: number; step?: number }[] = [
  { key: "batch", label: "Points a batch", min: 1, max: 256 },
  { key: "window", label: "Patch window", min: 2, max: 32, step: 2 },
  { key: "seed", label: "Seed", min: 0, max: 0xffffffff },
];

function Form({ session }: { session: Session }) {
  const app = useApp();
  const { record } = session.cube!;
  const index = useStore(app.view, (view) => view.index);
  const { values, unit } = record.axes.spectral;
  const at = values[Math.min(index, values.length - 1)];
  const [problem, setProblem] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const [options, setOptions] = useState<Options>({
    ...{ name: record.name, isRehearsal: true, image: "", strategy: "mixed", goal: "max", order: "score" },
    parameter: session.isLoop ? "area" : `step:${values.length >> 1}`,
    ...{ batch: 16, window: 8, seed: 1 },
  });
  const patch = (part: Partial<Options>) => setOptions({ ...options, ...part });
  const open = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      const { isRehearsal, image, parameter, goal, ...rest } = options;
      const target = options.strategy === "target" ? { target: { parameter, goal } } : {};
      const side = image ? { map: image } : { imageAt: at };
      const query = image ? `map=${encodeURIComponent(image)}` : `index=${index}`;
      const source = isRehearsal ? { cube: record.id, ...side } : {
        image: await imageOf(`/v1/cubes/${record.id}/map?${query}`),
        ...(values.length > 1 ? { axis: { name: record.axes.spectral.name || "step", unit, values } } : {}),
        ...{ quantity: record.quantity, unit: record.unit },
      };
      const { id } = await app.api.post<ExperimentView>("/v1/experiments", { ...rest, ...target, ...source });
      app.view.set({ experiment: id });
    } catch (error) {
      setProblem(error as Error);
    }
    setBusy(false);
  };
  const imageOf = async (path: string) => {
    const { shape, data } = await app.api.grid(path);
    return { shape, data: [...data] };
  };
  return (
    <Panel title="Where to measure next">
      <form class="train-form" onSubmit={open}>
        <label class="wide">
          Kind
          <select
            value={options.isRehearsal ? "rehearsal" : "experiment"}
            onChange={(event) => patch({ isRehearsal: event.currentTarget.value === "rehearsal" })}
          >
            <option value="rehearsal">rehearsal: this cube's spectra are revealed as asked for</option>
            <option value="experiment">experiment: an instrument sends spectra</option>
          </select>
        </label>
        <label class="wide">
          Image
          <select value={options.image} onChange={(event) => patch({ image: event.currentTarget.value })}>
            <option value="">the response at {quantityText(at, unit)}</option>
            {record.maps.map(({ name }) => <option key={name} value={name}>{name}</option>)}
          </select>
        </label>
        <label class="wide">
          Strategy
          <select
            value={options.strategy}
            onChange={(event) => patch({ strategy: event.currentTarget.value as Strategy })}
          >
            {STRATEGIES.map(([id, label]) => <option key={id} value={id}>{label}</option>)}
          </select>
        </label>
        <label class="wide">
          Order of a batch
          <select
            value={options.order}
            onChange={(event) => patch({ order: event.currentTarget.value as Options["order"] })}
          >
            <option value="score">best first</option>
            <option value="path">short way of the tip</option>
          </select>
        </label>
        {options.strategy === "target" && (
          <>
            <label class="wide">
              Parameter
              <input
                required
                title="A loop parameter such as area, or step:N"
                value={options.parameter}
                onInput={(event) => patch({ parameter: event.currentTarget.value })}
              />
            </label>
            <label class="wide">
              Goal
              <select
                value={options.goal}
                onChange={(event) => patch({ goal: event.currentTarget.value as Options["goal"] })}
              >
                <option value="max">largest</option>
                <option value="min">smallest</option>
              </select>
            </label>
          </>
        )}
        {NUMBERS.map(({ key, label, ...limits }) => (
          <label key={key}>
            {label}
            <input
              type="number"
              required
              {...limits}
              value={options[key]}
              onInput={(event) => patch({ [key]: event.currentTarget.valueAsNumber })}
            />
          </label>
        ))}
        <label>
          Name
          <input
            required
            maxLength={200}
            value={options.name}
            onInput={(event) => patch({ name: event.currentTarget.value })}
          />
        </label>
        {problem && <Failure error={problem} />}
        <button type="submit" class="primary" disabled={busy}>{busy ? "Opening …" : "Start"}</button>
      </form>
      <p class="hint">
        No strategy saves points on every film, and a target may need more than random points do: rehearse on a cube
        like yours first. A rehearsal shows what as many random points would have given.
      </p>
    </Panel>
  );
}

function Recent() {
  const app = useApp();
  const experiment = useStore(app.view, (view) => view.experiment);
  const [opened] = useState(() => String(Math.random()));
  const resource = useResource(
    app.cache,
    `experiments ${opened} ${experiment}`,
    () => listAll<ExperimentView>(app, "/v1/experiments"),
  );
  const items = valueOf(resource)?.slice(0, 12) ?? [];
  if (!items.length) return null;
  return (
    <Panel title="Earlier experiments" exports={{ name: "experiments", curl: app.api.curl("/v1/experiments") }}>
      <ul class="rows">
        {items.map(({ id, name, state, measured }) => (
          <li key={id}>
            <button type="button" class="plain" onClick={() => app.view.set({ experiment: id })}>{name}</button>
            <span class="muted">{measured} points</span>
            <span class={`state state-${state}`}>{state}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
