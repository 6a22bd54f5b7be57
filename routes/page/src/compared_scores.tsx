import type { Score } from "../../../lib/schemas/model.ts";
import { useApp } from "./context.ts";
import { csvBlob } from "./exports.ts";
import { type ModelErrors, sharedError } from "./model_errors.ts";
import type { ModelView } from "./model_source.ts";
import { Panel } from "./panel.tsx";
import { numberText } from "./quantity_text.ts";

type Pair<T> = [T, T];

/** A smaller difference is none. */
const LEAST_PERCENT = 0.5;

/** Scores and settings of both, and the one fair number: the error on pixels that neither was trained on. */
export function ComparedScores({ models, errors }: { models: Pair<ModelView>; errors: Pair<ModelErrors> }) {
  const { api } = useApp();
  const shared = sharedError(...errors);
  const score = (key: keyof Score) =>
    errors.map(({ scores }) => numberText(scores.test?.[key] ?? NaN, 3)) as Pair<string>;
  const rows: [string, Pair<string>][] = [
    [`MSE on the ${shared.count} pixels held out of both`, shared.mse.map((mse) => numberText(mse, 3)) as Pair<string>],
    ["r2 on its own held-out pixels", score("r2")],
    ["NRMSE on its own held-out pixels", score("nrmse")],
    ...settingsOf(models),
  ];
  const names = models.map(({ name, version }) => `${name}@${version}`);
  const [first, second] = shared.mse;
  const better = first < second ? 0 : 1;
  const share = Math.abs(first - second) / Math.max(first, second) * 100;
  return (
    <Panel
      title="Scores"
      exports={{
        name: names.join(" against "),
        curl: api.curl(`/v1/models/${models[0].name}/versions/${models[0].version}`),
        files: { csv: () => csvBlob([["", ...names], ...rows.map(([label, values]) => [label, ...values])]) },
      }}
    >
      {Number.isFinite(share) && (
        <p class="verdict">
          On pixels that neither was trained on, {share < LEAST_PERCENT
            ? "both have the same squared error"
            : `${names[better]} has the smaller squared error, by ${numberText(share, 2)} %`}
        </p>
      )}
      <div class="scroll" tabIndex={0} role="region" aria-label="Scores of both">
        <table>
          <thead>
            <tr>
              <td />
              {names.map((name) => <th key={name} scope="col">{name}</th>)}
            </tr>
          </thead>
          <tbody>
            {rows.map(([label, values]) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                {values.map((value, i) => <td key={i}>{value}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function settingsOf(models: Pair<ModelView>): [string, Pair<string>][] {
  const row = (label: string, of: (model: ModelView) => unknown): [string, Pair<string>] => {
    return [label, models.map((model) => String(of(model) ?? "–")) as Pair<string>];
  };
  return [
    row("Recipe", ({ network }) => network.recipe ?? "published"),
    row("Window, latents, filters", ({ network }) => `${network.window}, ${network.latent}, ${network.filters}`),
    row("Members", ({ members }) => (members?.length ?? 0) + 1),
    row("Trained on", ({ training }) => training && `${training.trainPixels} pixels, ${training.epochs} epochs`),
    row("Seconds", ({ training }) => training && numberText(training.seconds, 3)),
  ];
}
