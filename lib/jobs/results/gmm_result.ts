import { fitGmm, type Gmm, type GmmOptions } from "../../analysis/gmm.ts";
import type { CovarianceKind } from "../../analysis/gmm_state.ts";
import { meanOfRows, nearestPoints } from "../../analysis/nearest.ts";
import type { LoopscopeError } from "../../base/errors.ts";
import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { createPause } from "../../training/pause.ts";
import { positionsOf, toMap, toMaps } from "./map_pixels.ts";
import { type MeasuredPairs, measuredPairs } from "./pairs.ts";
import { modelOf, type ResultInput } from "./result_input.ts";

/** How many of the nearest pixels are averaged: patches are noisy and many, spectra are told apart by few. */
const NEIGHBOURS = { im2spec: 100, spec2im: 10 };
/** The criterion is given for as many components at least, so that a minimum can be seen. */
const LEAST_BIC = 10;

/**
 * Mixture of the latents (the paper's Figs 6 and 7): `{positions, weights, means, covariances, labels, responsibilities,
 * logLikelihood, bic, components: [{mean, weight, decoded, neighbours, average}]}`. `decoded` is the model's output at
 * the component's mean, `average` the mean input of the pixels nearest to it in latent space. `bic[k]` is for k + 1.
 */
export async function gmmResult(input: ResultInput): Promise<ResultTree> {
  const model = modelOf(input);
  const { prediction, manifest } = model;
  const { latent } = manifest.network;
  const options = gmmOptions(input);
  const pause = createPause(input.signal, () => performance.now());
  const fit = fitGmm(prediction.latent_HWL, latent, options);
  input.progress(0.3);
  await pause();
  const bic = await bicOverRange(prediction.latent_HWL, latent, { options, input });
  const pairs = measuredPairs(input.cube, model);
  const decoded = await model.decode(Float32Array.from(fit.means_KL));
  return {
    positions: positionsOf(prediction),
    ...mixtureTree(fit),
    labels: toMap(input.cube, prediction, labelsOf(fit)),
    responsibilities: toMaps(input.cube, prediction, fit.responsibilities_NK, options.components),
    bic: ndArray(bic, [bic.length]),
    components: componentTrees(fit, { input, pairs, decoded }),
  };
}

/** Components, seed and kind of covariance from the parameters. */
export function gmmOptions({ parameters }: ResultInput): GmmOptions {
  return {
    components: parameters.components as number,
    seed: parameters.seed as number,
    covariance: parameters.covariance as CovarianceKind | undefined,
  };
}

/**
 * The criterion for 1 to the chosen number of components (10 at least), NaN where there are not as many distinct points.
 */
export async function bicOverRange(
  points_NL: ArrayLike<number>,
  size: number,
  { options, input }: { options: GmmOptions; input: ResultInput },
): Promise<Float64Array> {
  const pause = createPause(input.signal, () => performance.now());
  const bic = new Float64Array(Math.max(LEAST_BIC, options.components)).fill(NaN);
  for (let k = 0; k < bic.length; k++) {
    await pause();
    input.progress(0.3 + 0.6 * (k / bic.length) ** 2);
    try {
      bic[k] = fitGmm(points_NL, size, { ...options, components: k + 1, quick: true }).bic;
    } catch (error) {
      if ((error as LoopscopeError).code === "too_few_points") break;
      throw error;
    }
  }
  return bic;
}

/** Weights, means, covariances and likelihood of a mixture. */
export function mixtureTree({ size, weights_K, means_KL, covariances_KLL, logLikelihood }: Gmm) {
  const k = weights_K.length;
  return {
    weights: ndArray(weights_K, [k]),
    means: ndArray(means_KL, [k, size]),
    covariances: ndArray(covariances_KLL, [k, size, size]),
    logLikelihood,
  };
}

/** Labels as numbers for a map, NaN where a point has none. */
export function labelsOf({ labels_N }: Pick<Gmm, "labels_N">): Float32Array {
  return Float32Array.from(labels_N, (label) => label < 0 ? NaN : label);
}

function componentTrees(
  { size, weights_K, means_KL }: Gmm,
  { input, pairs, decoded }: { input: ResultInput; pairs: MeasuredPairs; decoded: Float32Array },
): ResultTree[] {
  const { prediction, manifest } = modelOf(input);
  const { inputShape, outputShape, input_NI, pixels } = pairs;
  const inputSize = inputShape.reduce((a, b) => a * b), outputSize = outputShape.reduce((a, b) => a * b);
  const cols = input.cube.shape[1];
  return Array.from(weights_K, (weight, k) => {
    const mean = means_KL.slice(k * size, (k + 1) * size);
    const nearest = nearestPoints(prediction.latent_HWL, mean, NEIGHBOURS[manifest.network.direction]);
    const places = Int32Array.from(
      { length: 2 * nearest.length },
      (_, i) => i % 2 === 0 ? Math.floor(pixels[nearest[i >> 1]] / cols) : pixels[nearest[i >> 1]] % cols,
    );
    return {
      mean: ndArray(mean, [size]),
      weight,
      decoded: ndArray(decoded.slice(k * outputSize, (k + 1) * outputSize), outputShape),
      neighbours: ndArray(places, [nearest.length, 2]),
      average: ndArray(Float32Array.from(meanOfRows(input_NI, inputSize, nearest)), inputShape),
    };
  });
}
