import { useApp } from "./context.ts";
import { csvBlob } from "./exports.ts";
import type { Tree } from "./arrays.ts";
import { Panel } from "./panel.tsx";
import { pickPin } from "./pins.ts";
import { numberText } from "./quantity_text.ts";
import { type Resource, useResource } from "./resource_cache.ts";
import type { Session } from "./session.ts";
import { Loaded } from "./status.tsx";
import { useStore } from "./store.ts";
import type { Pin } from "./view_state.ts";

export interface Suggestion extends Pin {
  score: number;
}

const RULES: [string, string][] = [
  ["", "choose a rule"],
  ["error", "largest error"],
  ["consensus", "explained by no method"],
  ["novelty", "least like the training part"],
  ["diversity", "spread over the latent space"],
  ["uncertainty", "ensemble disagrees most"],
];

function pathOf(session: Session, rule: string): string | null {
  return rule && session.model ? `${session.model.base}/suggest?count=10&by=${rule}` : null;
}

/** The suggested points of the chosen rule; nothing while none is chosen. */
export function useSuggestions(session: Session): Resource<Suggestion[]> {
  const app = useApp();
  const rule = useStore(app.view, (view) => view.suggest);
  const path = pathOf(session, rule);
  return useResource(app.cache, path && `suggest ${path}`, async (onPending) => {
    const { points } = await app.api.tree(path!, { onPending });
    return (points as { [key: string]: Tree }[]) as unknown as Suggestion[];
  });
}

/** Where to measure next, as a list, on the map and as a file for the microscope. */
export function SuggestPanel({ session }: { session: Session }) {
  const app = useApp();
  const rule = useStore(app.view, (view) => view.suggest);
  const resource = useSuggestions(session);
  const path = pathOf(session, rule);
  const { axes } = session.cube!.record;
  const ensemble = (session.model?.model.members?.length ?? 0) > 0;
  const table = (points: Suggestion[]) => [
    ["row", "col", `x ${axes.col.unit}`, `y ${axes.row.unit}`, "score"],
    ...points.map(({ row, col, score }) => [row, col, axes.col.values[col], axes.row.values[row], score]),
  ];
  return (
    <Panel
      title="Where to measure next"
      class="suggest-panel"
      note={
        <select
          aria-label="Rule of the suggestion"
          value={rule}
          onChange={(event) => app.view.set({ suggest: event.currentTarget.value })}
        >
          {RULES.filter(([id]) => ensemble || id !== "uncertainty").map(([id, label]) => (
            <option key={id} value={id}>{label}</option>
          ))}
        </select>
      }
      exports={path
        ? {
          name: `${session.cube!.record.name} next points`,
          curl: app.api.curl(path),
          files: resource.state === "ready" ? { csv: () => csvBlob(table(resource.value)) } : undefined,
        }
        : undefined}
    >
      <Loaded of={resource} empty={<p class="notice">The model can say which pixels would teach it most.</p>}>
        {(points) => (
          <ol class="suggestions">
            {points.map((point, i) => (
              <li key={i}>
                <button
                  type="button"
                  class="chip chip-whole"
                  onClick={() => pickPin(app, { row: point.row, col: point.col }, false)}
                >
                  <strong>{i + 1}</strong> {point.row}, {point.col}
                  <span class="muted">{numberText(point.score, 2)}</span>
                </button>
              </li>
            ))}
          </ol>
        )}
      </Loaded>
    </Panel>
  );
}
