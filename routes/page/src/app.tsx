import { useEffect } from "preact/hooks";
import { extent } from "./arrays.ts";
import type { ModelView } from "./model_source.ts";
import { numberText } from "./quantity_text.ts";
import { copyText } from "./panel.tsx";
import { useApp } from "./context.ts";
import { Compare } from "./compare.tsx";
import { NewExperiment } from "./new_experiment.tsx";
import { OpenExperiment } from "./open_experiment.tsx";
import { Explore } from "./explore.tsx";
import { KeyDialog } from "./key_dialog.tsx";
import { Latent } from "./latent.tsx";
import { fits, type Session, useDerived, useSession } from "./session.ts";
import { Models } from "./models.tsx";
import { Report } from "./report.tsx";
import { Train } from "./train.tsx";
import { Data } from "./data.tsx";
import { Empty, Failure, Waiting } from "./status.tsx";
import { useStore } from "./store.ts";
import { type Tab, TABS } from "./view_state.ts";

const TITLES: Record<Tab, string> = {
  explore: "Explore",
  latent: "Latent space",
  compare: "Compare",
  report: "Report",
  train: "Train",
  measure: "Measure",
  data: "Data",
  models: "Models",
};

/** The frame of the page: pickers, tabs, the chosen tab, messages. */
export function AppFrame() {
  const session = useSession();
  return (
    <>
      <a class="skip" href="#main">Skip to the content</a>
      <TopBar session={session} />
      <main id="main" tabIndex={-1}>
        <TabContent session={session} />
      </main>
      <Toast />
    </>
  );
}

function TopBar({ session }: { session: Session }) {
  const app = useApp();
  const tab = useStore(app.view, (view) => view.tab);
  const theme = useStore(app.ui, (ui) => ui.theme);
  return (
    <header class="top">
      <a class="brand" href="#/explore">
        <img src="/page/icon.svg" alt="" width="26" height="26" /> loopscope
      </a>
      <nav aria-label="Views">
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            class="tab"
            aria-current={tab === name ? "page" : undefined}
            onClick={() => app.view.set({ tab: name })}
          >
            {TITLES[name]}
          </button>
        ))}
      </nav>
      <div class="top-tools">
        <button
          type="button"
          class="plain"
          onClick={async () => {
            await copyText(location.href);
            app.ui.set({ message: { text: "Link to this view copied", tone: "good" } });
          }}
        >
          Copy link
        </button>
        <button type="button" class="plain" onClick={() => app.ui.set({ guide: 0 })} disabled={!session.model}>
          Tour
        </button>
        <KeyDialog />
        <button
          type="button"
          class="plain icon"
          aria-label={theme === "dark" ? "Light theme" : "Dark theme"}
          onClick={() => app.ui.set({ theme: theme === "dark" ? "light" : "dark" })}
        >
          {theme === "dark" ? "☀" : "☾"}
        </button>
      </div>
    </header>
  );
}

function TabContent({ session }: { session: Session }) {
  const app = useApp();
  const tab = useStore(app.view, (view) => view.tab);
  const experiment = useStore(app.view, (view) => view.experiment);
  const derived = useDerived(session);
  const { cubes, cube } = session;
  if (cubes.state === "failed") return <Failure error={cubes.error} retry={cubes.retry} />;
  if (cubes.state !== "ready") return <Waiting text="Loading the cubes …" />;
  if (tab === "data") return <Data session={session} />;
  if (tab === "models") return <Models session={session} />;
  if (tab === "measure" && experiment) return <OpenExperiment key={experiment} id={experiment} session={session} />;
  const wanted = app.view.get().cube;
  if (!cubes.value.length) return <NoCubes />;
  if (!cube) {
    if (!wanted) return <Waiting text="Choosing a cube …" />;
    return (
      <Empty title="This cube is not here">
        <p>It may have been deleted, or this link is from another service.</p>
        <button type="button" class="primary" onClick={() => app.view.set({ cube: "", model: "", pins: [] })}>
          Show one that is
        </button>
      </Empty>
    );
  }
  return (
    <>
      <Pickers session={session} />
      {tab === "train" && <Train key={cube.record.id} session={session} derived={derived!} />}
      {tab === "measure" && <NewExperiment key={cube.record.id} session={session} />}
      {tab === "compare" && <Compare key={cube.record.id} session={session} />}
      {tab === "report" && <Report key={cube.record.id} session={session} derived={derived!} />}
      {tab === "latent" && <Latent key={cube.record.id} session={session} derived={derived!} />}
      {tab === "explore" && <Explore key={cube.record.id} session={session} derived={derived!} />}
    </>
  );
}

function NoCubes() {
  const app = useApp();
  return (
    <Empty title="No measurements yet">
      <p>Upload a hyperspectral file and look at it: every pixel a spectrum, every step a map.</p>
      <button type="button" class="primary" onClick={() => app.view.set({ tab: "data" })}>Upload a file</button>
    </Empty>
  );
}

function Pickers({ session }: { session: Session }) {
  const app = useApp();
  const { cubes, models, cube, modelState } = session;
  const model = useStore(app.view, (view) => view.model);
  const choices = models.state === "ready" ? models.value : [];
  const fitting = choices.filter((one) => fits(one, cube!.record));
  const known = fitting.some((one) => `${one.name}@${one.version}` === model);
  const chooseCube = (id: string) =>
    app.view.set({
      cube: id,
      model: "",
      pins: [],
      zoom: null,
      index: 0,
      layer: "slice",
      brush: null,
      probe: null,
      region: null,
    });
  return (
    <div class="pickers">
      <label>
        Cube
        <select value={cube!.record.id} onChange={(event) => chooseCube(event.currentTarget.value)}>
          {cubes.state === "ready" &&
            cubes.value.map(({ id, name, shape }) => <option key={id} value={id}>{name} ({shape.join(" × ")})</option>)}
        </select>
      </label>
      <label>
        Model
        <select
          value={model || "none"}
          onChange={(event) => app.view.set({ model: event.currentTarget.value, brush: null, probe: null })}
        >
          {!known && model && model !== "none" && <option value={model}>{model}</option>}
          <option value="none">{fitting.length ? "none" : "none fits this cube"}</option>
          {fitting.map((one) => (
            <option key={one.name} value={`${one.name}@${one.version}`}>
              {one.name}@{one.version} · {one.network.direction === "im2spec" ? "image → spectrum" : "spectrum → image"}
            </option>
          ))}
        </select>
      </label>
      {modelState.state === "ready" && !fits(modelState.value, cube!.record) && (
        <p class="notice">
          This model was trained on another axis ({axisText(modelState.value)}); it cannot be applied here.
        </p>
      )}
      {session.model && (
        <button type="button" class="plain no-print" onClick={() => app.view.set({ tab: "report" })}>Report</button>
      )}
      {modelState.state === "failed" && <p class="notice">{modelState.error.message}</p>}
    </div>
  );
}

function axisText({ axis, network }: ModelView): string {
  if (!axis) return `${network.points} steps`;
  const [low, high] = extent(axis.values);
  return `${network.points} steps of ${axis.name}, ${numberText(low)} to ${numberText(high)} ${axis.unit}`;
}

function Toast() {
  const app = useApp();
  const message = useStore(app.ui, (ui) => ui.message);
  useEffect(() => {
    if (!message) return;
    const timer = setTimeout(() => app.ui.set({ message: null }), message.tone === "bad" ? 9000 : 3000);
    return () => clearTimeout(timer);
  }, [message]);
  return (
    <div class={`toast ${message ? `toast-on toast-${message.tone}` : ""}`} role="status" aria-live="polite">
      {message?.text}
    </div>
  );
}
