import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { type App, useApp } from "./context.ts";
import type { Derived, Session } from "./session.ts";
import { useStore } from "./store.ts";

interface Step {
  title: string;
  text: (session: Session) => ComponentChildren;
  /** Brings the view to what the step speaks of. */
  show?: (app: App, session: Session, derived: Derived) => unknown;
}

const STEPS: Step[] = [
  {
    title: "What goes in",
    text: ({ model }) =>
      `The map shows the sample's response at one bias. The white square is a ${model!.window} × ${
        model!.window
      } patch: it is all that the model sees of a place.`,
    show: ({ view }) => view.set({ layer: "slice", zoom: null }),
  },
  {
    title: "What comes out",
    text: ({ isLoop }) =>
      `From that patch alone the model predicts the whole ${
        isLoop ? "hysteresis loop" : "spectrum"
      } (dashed). The solid line was measured there. Click other pixels and compare.`,
  },
  {
    title: "Where it fails",
    text: () =>
      "Bright pixels are predicted badly. The pin has moved to the worst of them. Pixels in the outlined area were used for training; only those outside the dashed guard band are a fair test.",
    show: async (app, session, derived) => {
      app.view.set({ layer: "error:nrmse" });
      const map = (await derived.errors.promise()).get("nrmse");
      const worst = map ? worstOf(map) : -1;
      const { cols } = session.cube!;
      if (worst >= 0) app.view.set({ pins: [{ row: Math.floor(worst / cols), col: worst % cols }] });
    },
  },
  {
    title: "Why that matters",
    text: () =>
      "Where the prediction holds, local structure decides the function. Where it fails, something unseen does: a buried defect, a neighbour out of reach, a failed fit. Those are the places to measure next. The bars above say how much more the model knows than a straight line.",
    show: ({ view }) => view.set({ layer: "error:nrmse" }),
  },
];

function worstOf(map: Float32Array): number {
  return map.reduce((best, value, i) => Number.isFinite(value) && !(value <= map[best]) ? i : best, -1);
}

const SEEN = "loopscope.guide";

/** The first minute: four steps that show on this very cube what is input, output, failure and why. */
export function Guide({ session, derived }: { session: Session; derived: Derived }) {
  const app = useApp();
  const at = useStore(app.ui, (ui) => ui.guide);
  const ready = session.model?.model.network.direction === "im2spec";
  useEffect(() => {
    if (ready && at < 0 && !localStorage.getItem(SEEN)) app.ui.set({ guide: 0 });
  }, [ready]);
  useEffect(() => {
    if (at > 0 && ready) void STEPS[at]?.show?.(app, session, derived);
  }, [at]);
  const step = STEPS[at];
  if (!step || !ready) return null;
  const close = () => {
    localStorage.setItem(SEEN, "yes");
    app.ui.set({ guide: -1 });
  };
  const last = at === STEPS.length - 1;
  return (
    <aside class="guide" aria-label="Guided first minute">
      <p class="guide-count">{at + 1} of {STEPS.length}</p>
      <h2>{step.title}</h2>
      <p aria-live="polite">{step.text(session)}</p>
      <div class="guide-buttons">
        <button type="button" class="plain" onClick={close}>{last ? "Close" : "Skip"}</button>
        {at > 0 && <button type="button" onClick={() => app.ui.set({ guide: at - 1 })}>Back</button>}
        {!last && <button type="button" class="primary" onClick={() => app.ui.set({ guide: at + 1 })}>Next</button>}
        {last && <button type="button" class="primary" onClick={close}>Explore</button>}
      </div>
    </aside>
  );
}
