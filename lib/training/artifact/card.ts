import type { HeldOutScores, ModelManifest, Score } from "../../schemas/model.ts";

/** The model's card in Markdown: what it is, on which data and split, how good it is beside the baselines, and the limits. */
export function renderCard(manifest: ModelManifest): string {
  const { name, version, network } = manifest;
  const [from, to] = network.direction === "im2spec"
    ? [`image patch (${network.window} x ${network.window})`, `spectrum (${network.points} points)`]
    : [`spectrum (${network.points} points)`, `image patch (${network.window} x ${network.window})`];
  const sections = [
    `# ${name}, version ${version}`,
    `${network.direction}: ${from} to ${to} through ${network.latent} latent variables, ${network.filters} filters.`,
    manifest.notes ? `## Data and notes\n\n${manifest.notes}` : "",
    axisSection(manifest),
    trainingSection(manifest),
    recipeSection(manifest),
    scoreSection(manifest),
    `## Limits\n\nScores hold for the scan named above and for pixels beside it. Other samples, tips or settings need ` +
    `their own test. A prediction outside the range of the training inputs or latents comes with a warning.`,
  ];
  return sections.filter((section) => section !== "").join("\n\n") + "\n";
}

function axisSection({ axis, quantity, unit, image }: ModelManifest): string {
  if (!axis) return "## Axis\n\nNot known: an imported checkpoint.";
  const values = axis.values;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const side = !image
    ? ""
    : "map" in image
    ? `\n\nImage side: the channel \`${image.map}\`.`
    : `\n\nImage side: the map nearest to ${axis.name} ${image.imageAt} ${axis.unit}.`;
  return `## Axis\n\n${quantity || "Values"}${
    unit ? ` in ${unit}` : ""
  } over ${values.length} points of ${axis.name}, ` +
    `${round(low)} to ${round(high)} ${axis.unit}.${side}`;
}

function trainingSection({ training, members, network }: ModelManifest): string {
  if (!training) return "## Training\n\nNot known: an imported checkpoint.";
  const { cubes = [training] } = training;
  const lines = [
    ...cubes.map(({ cubeName, cubeSha256 }) => `- Cube \`${cubeName}\`, SHA-256 \`${cubeSha256}\``),
    ...cubes.map(({ cubeName, region, trainPixels }) =>
      `- Trained on ${trainPixels} pixels${cubes.length > 1 ? ` of \`${cubeName}\`` : ""}: rows ${region.row} to ` +
      `${region.row + region.rows - 1}, columns ${region.col} to ${
        region.col + region.cols - 1
      }, where a whole patch fits`
    ),
    ...(cubes.length > 1
      ? [
        "- Each cube is standardised by its own training part; any other data by the mean of these. Spectra on another " +
        "axis than the first cube's are resampled to it",
      ]
      : []),
    `- Tested on ${training.testPixels} pixels at least ${network.window} rows or columns from every training pixel: no ` +
    `test patch shares a pixel with a training patch (guard band of ${training.guard} pixels)` +
    (training.seen ? ", nor with one that the models before it in this line were trained on" : ""),
    `- ${training.epochs} epochs of Adam on the MSE, mini-batch ${training.batchSize}, learning rate ` +
    `${training.learningRate}, seed ${training.seed}${training.from ? `, from ${training.from} with its scaler` : ""}`,
    network.recipe === "robust"
      ? `- Weights of the last epoch, ${training.bestEpoch}: nothing was chosen on the test pixels`
      : `- Weights of epoch ${training.bestEpoch}: the lowest loss on the ` +
        (network.direction === "im2spec" ? "outer half of the guard band" : "guard band") +
        `, which is neither trained on nor scored. The test pixels had no part in the choice` +
        (network.direction === "spec2im" ? ": of the guard patches only pixels that are in no test patch count" : ""),
    `- ${round(training.seconds)} s on ${training.engine} (${training.device})`,
  ];
  if (members) {
    lines.push(
      `- Ensemble of ${members.length + 1} seeds; predictions are their mean. ` +
        (network.recipe === "robust"
          ? "Their spread was calibrated on spatial folds inside the training part"
          : "A stripe of the asked region, a guard band away from the training pixels, was held out to calibrate their spread"),
    );
  }
  return `## Training\n\n${lines.join("\n")}`;
}

/** What the `robust` recipe does, what it chose, and what the two paths carry. */
function recipeSection({ training, scores, network }: ModelManifest): string {
  if (network.recipe !== "robust" || !training) return "";
  const { folds, inputNoise, weightDecay = 0, schedule } = training;
  const noise = folds?.inputNoise ?? inputNoise;
  const lines = [
    `- A linear path goes through the same ${network.latent} latent variables: latent = linear(input) + ` +
    `convolutions(input), output = linear(latent) + convolutions(latent). ` +
    (training.from
      ? "It starts as the model before left it"
      : "It starts as ridge regression with as many components, and the convolutions add what is not linear"),
    `- Weight decay ${weightDecay}, ${schedule} learning rate` +
    (noise === undefined ? "" : `, input noise of ${noise} standard deviations`),
    "- Latent variables are uncorrelated over the training pixels, of unit variance, and in the order of how much each " +
    "moves the output along the linear path",
  ];
  if (folds) {
    lines.push(
      folds.r2 < 0.01
        ? "- **Spatial folds inside the training part found nothing that the input predicts: this model is close to the " +
          "mean training target**"
        : `- Spatial folds inside the training part chose the noise and a factor of ${
          round(folds.slope)
        } on the deviation ` +
          `from the mean; their r2 was ${round(folds.r2)}`,
    );
  }
  const [linear, whole] = [scores?.linearPath?.r2, scores?.test.r2];
  if (typeof linear === "number" && typeof whole === "number") {
    lines.push(
      `- On the held-out pixels the linear path alone has r2 ${round(linear)}, with the convolutions it is ${
        round(whole)
      }`,
    );
  }
  return `## Recipe: robust\n\n${lines.join("\n")}`;
}

function scoreSection({ scores, training, unit }: ModelManifest): string {
  if (!scores) return "## Scores\n\nNone: an imported checkpoint has no test pixels.";
  const rows: [string, Score | undefined][] = [
    ["**this model, test**", scores.test],
    ["its linear path alone, test", scores.linearPath],
    ["this model, training pixels", scores.train],
    ["baseline: mean training target", scores.baselines.mean],
    ["baseline: ridge regression", scores.baselines.ridge],
    ["baseline: nearest training input", scores.baselines.nearest],
    ["baseline: RBF kernel ridge regression", scores.baselines.kernelRidge],
    ["baseline: extremely randomised trees", scores.baselines.trees],
  ];
  const table = [
    `| on ${training ? training.testPixels : "the"} held-out pixels | mse${unit ? `, (${unit})²` : ""} | nrmse | r2 |`,
    "|---|---|---|---|",
    ...rows.filter(([, score]) => score).map(([label, score]) =>
      `| ${label} | ${show(score!.mse)} | ${show(score!.nrmse)} | ${show(score!.r2)} |`
    ),
  ];
  const intervals = Object.entries(scores.intervals ?? {}).map(([key, [low, high]]) =>
    `- ${key}: ${round(low)} to ${round(high)}`
  );
  return [
    `## Scores\n\n${table.join("\n")}`,
    scores.verdict ? `**${scores.verdict}.**` : "",
    sidesTable(scores),
    cubesTable(scores),
    intervals.length > 0
      ? `90 % intervals, bootstrapped over ${scores.byBlock?.length ?? 0} spatial blocks:\n\n${intervals.join("\n")}`
      : "",
    scores.coverage === undefined
      ? ""
      : `The ensemble's calibrated 90 % band holds ${Math.round(100 * scores.coverage)} % of the held-out values.`,
  ].filter((part) => part !== "").join("\n\n");
}

/** Mean and range over four sides: one split alone can mislead. */
function sidesTable({ sides }: NonNullable<ModelManifest["scores"]>): string {
  if (!sides) return "";
  type Range = typeof sides.test.r2;
  const cell = (range: Range) =>
    range ? `${round(range.mean)} (${round(range.min)} to ${round(range.max)})` : "not finite";
  const row = (label: string, ranges: typeof sides.test) =>
    `| ${label} | ${cell(ranges.mse)} | ${cell(ranges.nrmse)} | ${cell(ranges.r2)} |`;
  const table = [
    "| trained on four sides in turn: mean (range) | mse | nrmse | r2 |",
    "|---|---|---|---|",
    row("**this training**", sides.test),
    ...Object.entries(sides.baselines).map(([name, ranges]) => row(`baseline: ${name}`, ranges)),
  ];
  const bySide = sides.bySide.map(({ side, test }) => `${side} ${show(test.r2)}`).join(", ");
  return `${
    table.join("\n")
  }\n\nr2 by the side that was trained on: ${bySide}. One split alone can mislead by as much.`;
}

/** Each of several cubes by itself, and as tested by a model that was trained without it. */
function cubesTable({ cubes }: NonNullable<ModelManifest["scores"]>): string {
  if (!cubes) return "";
  const validated = cubes.every(({ leftOut }) => leftOut);
  const best = ({ ridge, kernelRidge, trees, nearest }: HeldOutScores["baselines"]) =>
    Math.max(...[ridge, kernelRidge, trees, nearest].map((score) => score?.r2 ?? -Infinity));
  const cells = ({ test, baselines }: HeldOutScores) => `${show(test.r2)} | ${show(best(baselines))}`;
  const head = ["cube: r2", "its held-out part", "best baseline there"];
  if (validated) head.push("the whole cube, trained without it", "best baseline there");
  const rows = cubes.map((cube) =>
    `| \`${cube.name}\` | ${cells(cube)} |${validated ? ` ${cells(cube.leftOut!)} |` : ""}`
  );
  const table = [`| ${head.join(" | ")} |`, `|${head.map(() => "---|").join("")}`, ...rows].join("\n");
  if (!validated) return table;
  return `${table}\n\nTrained without a cube, the others' mean scaling is used on it: as on any cube that is new to the model.`;
}

const round = (value: number): number => Number(value.toPrecision(3));
const show = (value: number | null): string =>
  value === null || !Number.isFinite(value) ? "not finite" : String(round(value));
