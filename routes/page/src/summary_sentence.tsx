import type { Score } from "../../../lib/schemas/model.ts";
import { useApp } from "./context.ts";
import { percentText } from "./map_card.tsx";
import { type Derived, fits, learnedFrom, type Session } from "./session.ts";

/** One sentence on what goes in, what comes out and how well, above everything else. */
export function SummarySentence({ session }: { session: Session; derived: Derived }) {
  const { cube, model, models } = session;
  const { record } = cube!;
  const { view } = useApp();
  const what = session.isLoop ? "hysteresis loop" : "spectrum";
  if (!model) {
    const none = models.state === "ready" && !models.value.some((one) => fits(one, record));
    return (
      <div class="summary-sentence">
        <p>
          <strong>{record.name}</strong>: a {what} of {record.shape[2]} steps was measured at each of {record.shape[0]}
          {" "}
          × {record.shape[1]} pixels.{" "}
          {none && "No model fits it yet: train one to see what its images say about its spectra."}
        </p>
        {none && (
          <button type="button" class="primary" onClick={() => view.set({ tab: "train" })}>Train a model</button>
        )}
      </div>
    );
  }
  const { network, scores } = model.model;
  const forward = network.direction === "im2spec";
  const image = `${network.window} × ${network.window} patch`;
  return (
    <div class="summary-sentence">
      <p>
        <span class="step-tag tag-in">Input</span> {forward ? `the ${image} around a pixel` : `the ${what} at a pixel`}
        {" "}
        <span class="summary-sentence-arrow" aria-hidden="true">→</span> <span class="step-tag tag-out">Predicted</span>
        {" "}
        {forward ? `the ${what} there (${network.points} steps)` : `the ${image} around it`}, through {network.latent}
        {" "}
        latent numbers.
      </p>
      {scores?.verdict && <p class="muted summary-verdict">{scores.verdict}</p>}
      {scores && <ScoreBar test={scores.test} ridge={scores.baselines.ridge} mean={scores.baselines.mean} />}
      {!learnedFrom(model.model, record) && model.model.training && (
        <p class="notice">
          This model learned from other data ({model.model.training.cubeName}): all pixels here are new to it.
        </p>
      )}
    </div>
  );
}

/** Held-out variance explained, beside the linear baseline: whether structure predicts function here. */
function ScoreBar({ test, ridge }: { test: Score; ridge: Score; mean: Score }) {
  const share = (score: Score) => score.r2 === null ? NaN : Math.max(0, score.r2);
  const bars: [string, Score, string][] = [["this model", test, "bar-model"], ["ridge regression", ridge, "bar-ridge"]];
  return (
    <dl class="score-bars" aria-label="Variance explained on held-out pixels">
      <dt class="score-title">Explains of the held-out variance</dt>
      {bars.map(([name, score, className]) => (
        <dd key={name}>
          <span class="score-name">{name}</span>
          <span class="score-track">
            <span class={`score-fill ${className}`} style={{ width: `${Math.min(1, share(score) || 0) * 100}%` }} />
          </span>
          <span class="score-value">{score.r2 === null ? "–" : percentText(score.r2)}</span>
        </dd>
      ))}
    </dl>
  );
}
