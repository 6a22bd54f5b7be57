import type { ComponentChildren } from "preact";
import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import type { Score } from "../../../lib/schemas/model.ts";
import { useApp } from "./context.ts";
import { healthText } from "./cube_preview.tsx";
import { useModelErrors } from "./model_errors.ts";
import type { ModelSource, ModelView } from "./model_source.ts";
import { dateText, numberText } from "./quantity_text.ts";
import { ReportMaps } from "./report_maps.tsx";
import { ReportPixels } from "./report_pixels.tsx";
import { type Derived, learnedFrom, type Session } from "./session.ts";
import { Empty, Loaded } from "./status.tsx";
import { trainingRequest } from "./training_request.ts";

/** A model on a cube on one page to print: figures, scores, settings, and the commands that make them again. */
export function Report({ session, derived }: { session: Session; derived: Derived }) {
  const app = useApp();
  const { model, cube } = session;
  const errors = useModelErrors(app, model);
  if (!model) {
    return (
      <Empty title="Choose a model first">
        <p>The report is about a model on this cube.</p>
      </Empty>
    );
  }
  const { record } = cube!;
  const { name, version, scores } = model.model;
  return (
    <article class="report panel">
      <header class="report-head">
        <h1>{name}, version {version}, on {record.name}</h1>
        <button type="button" class="primary no-print" onClick={() => print()}>Print or save as PDF</button>
      </header>
      <p class="muted">{location.origin} · {dateText(new Date().toISOString())}</p>
      {scores?.verdict && learnedFrom(model.model, record) && <p class="verdict">{scores.verdict}</p>}
      <Section title="Maps">
        <ReportMaps session={session} derived={derived} />
      </Section>
      <Section title="Pixels">
        <Loaded of={errors}>
          {({ maps }) => <ReportPixels model={model} cube={cube!} maps={maps} isLoop={session.isLoop} />}
        </Loaded>
      </Section>
      <Section title="Scores">
        <Loaded of={errors}>{({ scores }) => <ScoreTable model={model.model} record={record} own={scores} />}</Loaded>
      </Section>
      <div class="report-columns">
        <Section title="Cube">
          <Facts of={cubeFacts(record)} />
        </Section>
        <Section title="Model">
          <Facts of={modelFacts(model.model)} />
        </Section>
      </div>
      <Section title="Commands">
        <pre
          tabIndex={0}
          aria-label="Commands"
        >{commands(model, record).map((path) => `${app.api.curl(...path)}\n`)}</pre>
      </Section>
    </article>
  );
}

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="report-section" aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function ScoreTable({ model, record, own }: {
  model: ModelView;
  record: CubeRecord;
  own: { test?: Score; train?: Score };
}) {
  const { baselines } = model.scores ?? {};
  const rows: [string, Score | undefined][] = [
    [`${model.name}, held-out pixels`, own.test],
    [`${model.name}, training pixels`, own.train],
    ...(baselines && learnedFrom(model, record)
      ? [
        ["Mean of the training part", baselines.mean],
        ["Ridge regression", baselines.ridge],
        ["Nearest training input", baselines.nearest],
        ["RBF kernel ridge", baselines.kernelRidge],
        ["Extremely randomised trees", baselines.trees],
      ] as [string, Score | undefined][]
      : []),
  ];
  return (
    <table>
      <thead>
        <tr>
          <td />
          {["MSE", "NRMSE", "r2"].map((name) => <th key={name} scope="col">{name}</th>)}
        </tr>
      </thead>
      <tbody>
        {rows.filter(([, score]) => score).map(([label, score]) => (
          <tr key={label}>
            <th scope="row">{label}</th>
            {[score!.mse, score!.nrmse, score!.r2].map((value, i) => <td key={i}>{numberText(value ?? NaN, 3)}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Facts({ of: facts }: { of: [string, string][] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function cubeFacts(record: CubeRecord): [string, string][] {
  const { spectral } = record.axes;
  return [
    ["Name", record.name],
    ["Shape", record.shape.join(" × ")],
    ["Quantity", [record.quantity, record.unit].filter(Boolean).join(", ") || "not named"],
    ["Spectral axis", `${spectral.name} ${spectral.unit && `(${spectral.unit})`}`],
    ["Read as", record.format],
    ["Checks", healthText(record)],
    ["SHA-256", record.sha256],
  ];
}

function modelFacts({ network, training, createdAt, weights, members }: ModelView): [string, string][] {
  const facts: [string, string][] = [
    ["Direction", network.direction === "im2spec" ? "image → spectrum" : "spectrum → image"],
    ["Recipe", network.recipe ?? "published"],
    ["Window, latents, filters", `${network.window}, ${network.latent}, ${network.filters}`],
    ["Members", String((members?.length ?? 0) + 1)],
    ["Made", dateText(createdAt)],
  ];
  if (training) {
    const { row, col, rows, cols } = training.region;
    facts.push(
      [
        "Trained on",
        `${training.trainPixels} pixels: rows ${row} to ${row + rows - 1}, columns ${col} to ${col + cols - 1}`,
      ],
      ["Epochs, batch, rate", `${training.epochs}, ${training.batchSize}, ${training.learningRate}`],
      ["Seed", String(training.seed)],
      ["Computed by", `${training.engine} in ${numberText(training.seconds, 3)} s`],
    );
  }
  return [...facts, ["Weights, SHA-256", weights.sha256]];
}

type Command = [path: string, options?: { method?: string; body?: unknown; accept?: string }];

function commands(model: ModelSource, record: CubeRecord): Command[] {
  const train = trainingRequest(model.model, record);
  return [
    ...(train ? [["/v1/jobs", { method: "POST", body: train }] as Command] : []),
    [`${model.base}/errors`, { accept: "application/x-hdf5" }],
    [`${model.base}/latents`, { accept: "application/x-hdf5" }],
    [`${model.base}/predictions`, { accept: "application/x-hdf5" }],
    [`${model.version}/archive`],
    [`/v1/cubes/${record.id}/values`],
  ];
}
