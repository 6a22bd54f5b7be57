import { useEffect, useMemo, useState } from "preact/hooks";
import type { JobRecord } from "../../../lib/schemas/job.ts";
import { useApp } from "./context.ts";
import { pngOfCanvases } from "./exports.ts";
import { JobPanel } from "./job_panel.tsx";
import type { Outline } from "./map_overlay.ts";
import { colourRange, tableFor } from "./map_painter.ts";
import { MapView } from "./map_view.tsx";
import { Panel } from "./panel.tsx";
import { useResource, valueOf } from "./resource_cache.ts";
import { type Derived, listAll, type Session } from "./session.ts";
import { Empty, Failure } from "./status.tsx";
import { useStore } from "./store.ts";
import { partSizes, regionOutlines } from "./training_areas.ts";
import { useLayer } from "./use_layer.ts";

type Recipe = "robust" | "published";

/** What each recipe proposes. */
const RECIPES = {
  robust: { latent: 10, epochs: 14, filters: 16, members: 3 },
  published: { latent: 2, epochs: 40, filters: 64, members: 1 },
} as const;

interface Options {
  recipe: Recipe;
  validation: "split" | "sides";
  direction: "im2spec" | "spec2im";
  window: number;
  latent: number;
  epochs: number;
  filters: number;
  seed: number;
  members: number;
  learningRate: number;
  image: string;
  saveAs: string;
}

/** Draw where to learn, choose how, watch it happen. */
export function Train({ session, derived }: { session: Session; derived: Derived }) {
  const app = useApp();
  const { mayTrain, reason } = useStore(app.ui, (ui) => ui.access);
  const job = useStore(app.view, (view) => view.job);
  const { record } = session.cube!;
  const [options, setOptions] = useState<Options>(() => defaultsFor(record.name, record.shape));
  return (
    <div class="train-grid">
      <RegionPanel session={session} derived={derived} window={options.window} />
      <div class="train-side">
        {mayTrain
          ? <OptionsPanel session={session} options={options} setOptions={setOptions} />
          : (
            <section class="panel" aria-label="Training">
              <Empty title="Training is closed to visitors">
                <p>{reason}</p>
              </Empty>
            </section>
          )}
        {job ? <JobPanel key={job} id={job} /> : <RecentJobs />}
      </div>
    </div>
  );
}

function defaultsFor(name: string, [rows, cols]: readonly number[]): Options {
  const slug = name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40) || "model";
  return {
    recipe: "robust",
    validation: "split",
    direction: "im2spec",
    ...RECIPES.robust,
    window: Math.min(8, Math.floor(Math.min(rows, cols) / 2)),
    seed: 1,
    learningRate: 0.001,
    image: "",
    saveAs: slug,
  };
}

/** The region in use: as drawn, or the service's default, the left 72 % of the columns. */
function regionOf(drawn: readonly number[] | null, [rows, cols]: readonly number[]): [number, number, number, number] {
  if (drawn) return [drawn[0], drawn[1], drawn[2], drawn[3]];
  return [0, 0, rows, Math.round(cols * 0.72)];
}

function RegionPanel({ session, derived, window }: { session: Session; derived: Derived; window: number }) {
  const app = useApp();
  const view = useStore(app.view, (v) => v);
  const { record } = session.cube!;
  const shape = [record.shape[0], record.shape[1]] as const;
  const { layer } = useLayer(session, derived, view.layer.startsWith("image:") ? view.layer : "slice");
  const table = useMemo(() => layer && tableFor(layer, view.colours), [layer?.kind, view.colours]);
  const range = useMemo(() => layer ? colourRange(layer, view.range) : [0, 1] as [number, number], [layer, view.range]);
  const region = regionOf(view.region, shape);
  const guard = window - 1;
  const outlines: Outline[] = regionOutlines(region, guard, shape);
  const parts = partSizes(region, window, shape);
  const move = (rows: number, cols: number) => {
    const [row, col, h, w] = region;
    const clamp = (value: number, most: number) => Math.min(most, Math.max(0, value));
    app.view.set({ region: [clamp(row + rows, shape[0] - h), clamp(col + cols, shape[1] - w), h, w] });
  };
  const set = (k: number, value: number) => {
    const next: [number, number, number, number] = [...region];
    next[k] = value;
    const most = [shape[0] - 1, shape[1] - 1, shape[0] - next[0], shape[1] - next[1]];
    if (Number.isInteger(value) && value >= (k < 2 ? 0 : 1)) {
      app.view.set({ region: next.map((v, i) => Math.min(v, most[i])) as typeof next });
    }
  };
  return (
    <Panel
      title="Where to learn"
      class="train-map"
      note={<span>drag a rectangle</span>}
      exports={{
        name: `${record.name} region`,
        curl: layer && app.api.curl(layer.path),
        files: {
          png: () => pngOfCanvases([...document.querySelectorAll<HTMLCanvasElement>(".train-map .map canvas")]),
        },
      }}
    >
      <div class="map-frame">
        <MapView
          record={record}
          layer={layer}
          table={table ?? new Uint32Array(256)}
          range={range}
          zoom={null}
          drag="box"
          label={`Training region: rows ${region[0]} to ${region[0] + region[2] - 1}, columns ${region[1]} to ${
            region[1] + region[3] - 1
          }. Drag to draw it, arrow keys move it.`}
          overlay={{
            pins: [],
            hover: null,
            radius: 0,
            window: 0,
            reach: null,
            marks: [],
            outlines,
            selected: null,
          }}
          onZoom={() => {}}
          onHover={() => {}}
          onMove={move}
          onBox={(next) => app.view.set({ region: next })}
        />
      </div>
      <div class="region-fields">
        {["Row", "Column", "Rows", "Columns"].map((label, k) => (
          <label key={label}>
            {label}
            <input
              type="number"
              min={k < 2 ? 0 : 1}
              value={region[k]}
              onChange={(event) => set(k, Number(event.currentTarget.value))}
            />
          </label>
        ))}
      </div>
      <p class="hint">
        {parts.train} pixels to learn from, {parts.test} to test on. Between them a guard band of {guard}{" "}
        pixels (dashed), so that no test patch shares a pixel with a training patch.
        {(parts.train < 8 || parts.test < 8) && " That is too few: draw another rectangle."}
      </p>
    </Panel>
  );
}

const NUMBERS: {
  key: "window" | "latent" | "epochs" | "filters" | "seed" | "members";
  label: string;
  min: number;
  max: number;
}[] = [
  { key: "window", label: "Patch window", min: 2, max: 64 },
  { key: "latent", label: "Latent numbers", min: 1, max: 64 },
  { key: "epochs", label: "Epochs", min: 1, max: 10000 },
  { key: "filters", label: "Filters", min: 1, max: 256 },
  { key: "members", label: "Ensemble members", min: 1, max: 16 },
  { key: "seed", label: "Seed", min: 0, max: 0xffffffff },
];

function OptionsPanel({ session, options, setOptions }: {
  session: Session;
  options: Options;
  setOptions: (options: Options) => void;
}) {
  const app = useApp();
  const drawn = useStore(app.view, (view) => view.region);
  const [problem, setProblem] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const { record } = session.cube!;
  const body = requestOf(options, record.id, drawn);
  const patch = (part: Partial<Options>) => setOptions({ ...options, ...part });
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      const headers = { "Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random()) };
      const job = await app.api.post<JobRecord>("/v1/jobs", body, { headers });
      app.view.set({ job: job.id });
    } catch (error) {
      setProblem(error as Error);
    }
    setBusy(false);
  };
  return (
    <Panel
      title="How to learn"
      exports={{ name: "train", curl: app.api.curl("/v1/jobs", { method: "POST", body }) }}
    >
      <form class="train-form" onSubmit={submit}>
        <label class="wide">
          Direction
          <select
            value={options.direction}
            onChange={(event) => patch({ direction: event.currentTarget.value as Options["direction"] })}
          >
            <option value="im2spec">image patch → spectrum</option>
            <option value="spec2im">spectrum → image patch</option>
          </select>
        </label>
        <label class="wide">
          Recipe
          <select
            value={options.recipe}
            onChange={(event) => {
              const recipe = event.currentTarget.value as Recipe;
              patch({ recipe, ...RECIPES[recipe] });
            }}
          >
            <option value="robust">robust: starts as a straight line, learns the rest</option>
            <option value="published">as published</option>
          </select>
        </label>
        <label class="wide">
          Test
          <select
            value={options.validation}
            onChange={(event) => patch({ validation: event.currentTarget.value as Options["validation"] })}
          >
            <option value="split">once, outside the rectangle</option>
            <option value="sides">also on four sides in turn: one split can mislead</option>
          </select>
        </label>
        <label class="wide">
          Image side
          <select value={options.image} onChange={(event) => patch({ image: event.currentTarget.value })}>
            <option value="">the response near 0 {record.axes.spectral.unit}</option>
            {record.maps.map(({ name }) => <option key={name} value={name}>{name}</option>)}
          </select>
        </label>
        {NUMBERS.map(({ key, label, min, max }) => (
          <label key={key}>
            {label}
            <input
              type="number"
              required
              min={min}
              max={max}
              value={options[key]}
              onInput={(event) => patch({ [key]: event.currentTarget.valueAsNumber })}
            />
          </label>
        ))}
        <label>
          Learning rate
          <input
            type="number"
            required
            min={0.000001}
            max={1}
            step="any"
            value={options.learningRate}
            onInput={(event) => patch({ learningRate: event.currentTarget.valueAsNumber })}
          />
        </label>
        <label>
          Name
          <input
            required
            pattern="[a-z0-9][a-z0-9._\-]{0,63}"
            title="Lower-case letters, digits, dots and dashes"
            value={options.saveAs}
            onInput={(event) => patch({ saveAs: event.currentTarget.value })}
          />
        </label>
        {problem && <Failure error={problem} />}
        <button type="submit" class="primary" disabled={busy}>{busy ? "Starting …" : "Train"}</button>
      </form>
    </Panel>
  );
}

function requestOf({ image, ...options }: Options, cube: string, drawn: readonly number[] | null) {
  const region = drawn && { row: drawn[0], col: drawn[1], rows: drawn[2], cols: drawn[3] };
  return { kind: "train", cube, ...options, ...(image ? { map: image } : {}), ...(region ? { region } : {}) };
}

function RecentJobs() {
  const app = useApp();
  const revision = useStore(app.ui, (ui) => ui.revision);
  const resource = useResource(app.cache, `jobs ${revision}`, () => listAll<JobRecord>(app, "/v1/jobs"));
  useEffect(() => () => app.cache.forget("jobs "), []);
  const jobs = (valueOf(resource) ?? []).filter(({ kind }) => kind === "train").slice(0, 8);
  if (!jobs.length) return null;
  return (
    <Panel title="Recent training" exports={{ name: "jobs", curl: app.api.curl("/v1/jobs") }}>
      <ul class="rows">
        {jobs.map((job) => (
          <li key={job.id}>
            <button type="button" class="plain" onClick={() => app.view.set({ job: job.id })}>
              {job.request.kind === "train" ? job.request.saveAs : job.id}
            </button>
            <span class={`state state-${job.state}`}>{job.state}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
