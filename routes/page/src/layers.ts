import { type CubeSource } from "./cube_source.ts";
import { isShownAlone, type LoopMaps } from "./loop_maps.ts";
import type { ModelSource, Predictions } from "./model_source.ts";

/** A map that can be shown: values on the cube's grid and how to read them. */
export interface Layer {
  id: string;
  title: string;
  unit: string;
  kind: "sequential" | "diverging" | "class";
  values_HW: Float32Array;
  /** Where it comes from, for `copy as curl`. */
  path: string;
}

export interface LayerChoice {
  id: string;
  label: string;
}

export interface LayerGroup {
  label: string;
  choices: LayerChoice[];
}

/** Error maps by key: title, whether it has the response's squared unit, and what it means. */
export const ERROR_MAPS: Record<string, { title: string; unit: (quantity: string, axis: string) => string }> = {
  nrmse: { title: "Relative error (NRMSE)", unit: () => "" },
  mse: { title: "Mean squared error", unit: (quantity) => quantity ? `${quantity}²` : "" },
  areaAbs: { title: "Loop area error", unit: (quantity, axis) => [quantity, axis].filter(Boolean).join("·") },
  ssim: { title: "Dissimilarity (1 − SSIM)", unit: () => "" },
};

/** Maps of the average of model, kernel ridge regression and trees, by key. */
const CONSENSUS_MAPS: Record<string, string> = {
  smallest: "What no method explains",
  mse: "Error of the average of all methods",
};

/** What a `layer` id needs from the service before it can be drawn. */
export interface LayerInputs {
  cube: CubeSource;
  model?: ModelSource;
  index: number;
  components: number;
  predictions: () => Promise<Predictions>;
  errors: () => Promise<Map<string, Float32Array>>;
  consensus: () => Promise<Map<string, Float32Array>>;
  measuredLoops: () => Promise<LoopMaps>;
  predictedLoops: () => Promise<LoopMaps>;
  classes: () => Promise<Float32Array>;
  image: (name: string) => Promise<Float32Array>;
  components4: () => Promise<Float32Array[]>;
}

/** The layers that this cube and model have, for the picker. */
export function layerGroups(
  cube: CubeSource,
  model: ModelSource | undefined,
  loops: { measured?: LoopMaps; predicted?: LoopMaps; isLoop: boolean },
): LayerGroup[] {
  const { record } = cube;
  const groups: LayerGroup[] = [{ label: "Measured", choices: [{ id: "slice", label: "Response at one step" }] }];
  for (const { name } of record.maps) groups[0].choices.push({ id: `image:${name}`, label: name });
  if (model) groups.push(...modelGroups(model, loops.isLoop));
  if (loops.isLoop) groups.push(...loopGroups(loops.measured, model?.model.network.direction === "im2spec"));
  groups.push({
    label: "Principal components",
    choices: [1, 2, 3, 4].map((k) => ({ id: `pca:${k - 1}`, label: `Component ${k}` })),
  });
  return groups;
}

function modelGroups({ model }: ModelSource, isLoop: boolean): LayerGroup[] {
  const forward = model.network.direction === "im2spec";
  const errors = ["nrmse", "mse", ...(forward ? isLoop ? ["areaAbs"] : [] : ["ssim"])];
  const groups: LayerGroup[] = [];
  if (forward) {
    const choices = [{ id: "predicted", label: "Predicted response at one step" }, {
      id: "residual",
      label: "Measured − predicted at one step",
    }];
    if (model.members?.length) choices.push({ id: "spread", label: "Uncertainty (ensemble spread)" });
    groups.push({ label: "Predicted", choices });
  }
  groups.push({
    label: "Where it fails",
    choices: errors.map((key) => ({ id: `error:${key}`, label: ERROR_MAPS[key].title })),
  });
  if (model.training) {
    const choices = Object.entries(CONSENSUS_MAPS).map(([key, label]) => ({ id: `consensus:${key}`, label }));
    groups.push({ label: "Where every method fails", choices });
  }
  const latents = Array.from({ length: model.network.latent }, (_, d) => ({
    id: `latent:${d}`,
    label: `Latent z${subscript(d + 1)}`,
  }));
  groups.push({ label: "Latent space", choices: [...latents, { id: "class", label: "Mixture classes" }] });
  return groups;
}

function loopGroups(measured: LoopMaps | undefined, hasPredicted: boolean): LayerGroup[] {
  const parameters = measured ? [...measured.maps.keys()].filter(isShownAlone) : [];
  const group = (label: string, side: string) => ({
    label,
    choices: parameters.map((name) => ({ id: `loop:${name}:${side}`, label: loopTitle(name) })),
  });
  const groups = [group("Loop parameters, measured", "measured")];
  if (hasPredicted) {
    groups.push(
      group("Loop parameters, predicted", "predicted"),
      group("Loop parameters, predicted − measured", "difference"),
    );
  }
  return groups.filter(({ choices }) => choices.length > 0);
}

/** Loads what one layer shows. Throws ApiProblem, or Error for a layer that this cube or model does not have. */
export async function loadLayer(id: string, inputs: LayerInputs): Promise<Layer> {
  const [kind, name = "", side = ""] = splitId(id);
  const { cube: { record }, model } = inputs;
  switch (kind) {
    case "slice":
      return {
        ...described(id, record.quantity, record.unit, "sequential"),
        values_HW: await inputs.cube.slice(inputs.index),
        path: inputs.cube.path(inputs.index),
      };
    case "image":
      return await imageLayer(id, name, inputs);
    case "pca":
      return await componentLayer(id, Number(name), inputs);
    case "loop":
      return await loopLayer(id, { name, side }, inputs);
    case "error": {
      const values_HW = (await inputs.errors()).get(name);
      const known = ERROR_MAPS[name];
      if (!values_HW || !known) throw new Error(`This model has no error map named ${name}`);
      const unit = known.unit(record.unit, record.axes.spectral.unit);
      return { ...described(id, known.title, unit, "sequential"), values_HW, path: `${model!.base}/errors` };
    }
    case "consensus": {
      const values_HW = (await inputs.consensus()).get(name);
      const title = CONSENSUS_MAPS[name];
      if (!values_HW || !title) throw new Error(`This model has no consensus map named ${name}`);
      const unit = ERROR_MAPS.mse.unit(record.unit, "");
      return { ...described(id, title, unit, "sequential"), values_HW, path: `${model!.base}/consensus` };
    }
    case "class":
      return {
        ...described(id, "Mixture class", "", "class"),
        values_HW: await inputs.classes(),
        path: `${model?.base}/gmm?components=${inputs.components}`,
      };
    case "predicted":
    case "residual":
    case "spread":
    case "latent":
      if (!model) throw new Error("Choose a model to see what it predicts");
      return await predictedLayer(id, Number(name), { ...inputs, model });
    default:
      throw new Error(`There is no layer named ${id}`);
  }
}

function described(id: string, title: string, unit: string, kind: Layer["kind"]) {
  return { id, title, unit, kind };
}

async function imageLayer(id: string, name: string, { cube: { record }, image }: LayerInputs): Promise<Layer> {
  const channel = record.maps.find((map) => map.name === name);
  if (!channel) throw new Error(`This cube has no image channel named ${name}`);
  const path = `/v1/cubes/${record.id}/map?map=${encodeURIComponent(name)}`;
  return { ...described(id, name, channel.unit, "sequential"), values_HW: await image(name), path };
}

async function componentLayer(id: string, k: number, { cube: { record }, components4 }: LayerInputs): Promise<Layer> {
  const values_HW = (await components4())[k];
  if (!values_HW) throw new Error(`There is no principal component ${k + 1}`);
  const path = `/v1/cubes/${record.id}/pca?components=4`;
  return { ...described(id, `Principal component ${k + 1}`, record.unit, "diverging"), values_HW, path };
}

async function predictedLayer(
  id: string,
  dimension: number,
  inputs: LayerInputs & { model: ModelSource },
): Promise<Layer> {
  const { cube, model, index } = inputs;
  const predictions = await inputs.predictions();
  const path = `${model.base}/predictions`;
  const { quantity, unit } = cube.record;
  if (id.startsWith("latent")) {
    const values_HW = model.embed(predictions.latents, predictions.latentCount, dimension);
    return { ...described(id, `Latent z${subscript(dimension + 1)}`, "", "sequential"), values_HW, path };
  }
  if (id === "spread") {
    const values_HW = meanSpread(model, predictions);
    return { ...described(id, "Ensemble spread, mean over the spectrum", unit, "sequential"), values_HW, path };
  }
  const predicted = model.embed(predictions.outputs, predictions.length, index);
  if (id === "predicted") {
    return { ...described(id, `Predicted ${quantity}`, unit, "sequential"), values_HW: predicted, path };
  }
  const measured = await cube.slice(index);
  const values_HW = predicted.map((value, i) => measured[i] - value);
  return { ...described(id, "Measured − predicted", unit, "diverging"), values_HW, path };
}

function meanSpread(model: ModelSource, { spread, length }: Predictions): Float32Array {
  if (!spread) throw new Error("This model has one member; an ensemble is needed for uncertainty");
  const { rows, cols } = model.positions;
  const mean = Float32Array.from({ length: rows * cols }, (_, n) => {
    let sum = 0;
    for (let s = 0; s < length; s++) sum += spread[n * length + s];
    return sum / length;
  });
  return model.embed(mean);
}

async function loopLayer(
  id: string,
  { name, side }: { name: string; side: string },
  { cube, model, measuredLoops, predictedLoops }: LayerInputs,
): Promise<Layer> {
  const measured = side === "predicted" ? undefined : await measuredLoops();
  const predicted = side === "measured" ? undefined : await predictedLoops();
  const [m, p] = [measured?.maps.get(name), predicted?.maps.get(name)];
  if ((measured && !m) || (predicted && !p)) throw new Error(`There is no loop parameter named ${name}`);
  const unit = (measured ?? predicted)!.unit(name);
  const base = side === "measured" ? `/v1/cubes/${cube.record.id}/loops` : `${model!.base}/loops`;
  return {
    ...described(
      id,
      `${loopTitle(name)}, ${side === "difference" ? "predicted − measured" : side}`,
      unit,
      side === "difference" ? "diverging" : "sequential",
    ),
    values_HW: m && p ? p.map((value, i) => value - m[i]) : (m ?? p)!,
    path: base,
  };
}

const LOOP_TITLES: Record<string, string> = {
  area: "Loop area (work of switching)",
  centroidV: "Centroid, bias",
  centroidR: "Centroid, response",
  remanentPositive: "Remanent response R+",
  remanentNegative: "Remanent response R−",
  switchable: "Switchable polarisation",
  coercivePositive: "Coercive bias V+",
  coerciveNegative: "Coercive bias V−",
  zeroPositive: "Bias of zero response, rising",
  zeroNegative: "Bias of zero response, falling",
  imprint: "Imprint",
  width: "Loop width",
  opening: "Loop opening",
  saturationSlope: "Saturation slope",
  crossings: "Branch crossings",
  noose: "Noose indicator",
  closureGap: "Closure gap",
};

/** The fit's own parameters: on the falling branch c, p, q are a2, b0, b1, on the rising one a3, b2, b3. */
const FIT_TITLES: Record<string, string> = {
  a0: "lower level a₀",
  a1: "step a₁",
  a2: "switching bias a₂, falling",
  a3: "switching bias a₃, rising",
  a4: "slope a₄",
  b0: "width below b₀, falling",
  b1: "width above b₁, falling",
  b2: "width below b₂, rising",
  b3: "width above b₃, rising",
  r2: "R²",
  coercivePositive: "coercive bias V+",
  coerciveNegative: "coercive bias V−",
  imprint: "imprint",
  nucleationPositive: "nucleation bias, rising",
  nucleationNegative: "nucleation bias, falling",
};

export function loopTitle(name: string): string {
  if (name.startsWith("fit.")) return `Fit: ${FIT_TITLES[name.slice(4)] ?? loopTitle(name.slice(4))}`;
  return LOOP_TITLES[name] ?? name.replace(/([a-z])([A-Z])/g, "$1 $2");
}

/** `image:A:B` keeps the colon of its name; a loop has two parts. */
function splitId(id: string): string[] {
  const [kind, ...rest] = id.split(":");
  return kind === "loop" ? [kind, rest.slice(0, -1).join(":"), rest[rest.length - 1]] : [kind, rest.join(":")];
}

export const subscript = (n: number): string => String(n).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]);
