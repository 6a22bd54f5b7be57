export const ADAM = { beta1: 0.9, beta2: 0.999, eps: 1e-8 } as const;

export interface OptimiserOptions {
  /** Adam's step size; betas 0.9/0.999, eps 1e-8. */
  learningRate: number;
  /** Decoupled weight decay (AdamW, https://arxiv.org/abs/1711.05101) of all trained parameters; default 0. */
  weightDecay?: number;
  /** The learning rate falls from its value to 0 over this many steps, half a cosine; default: it stays. */
  cosineSteps?: number;
  /** Noise that is added to each input of a mini-batch, in standardised units. */
  inputNoise?: { readonly deviation: number; readonly seed: number };
}

/** What changes from one step to the next. */
export interface StepFactors {
  /** Learning rate over Adam's bias correction of the first moment. */
  readonly rate: number;
  /** 1 / sqrt of the bias correction of the second moment. */
  readonly scale: number;
  /** Parameters are multiplied by this before Adam. */
  readonly decay: number;
  /** Seeds the step's input noise; uint32. */
  readonly noiseKey: number;
}

/** The factors of step `step`, counted from 1. */
export function stepFactors(options: OptimiserOptions, step: number): StepFactors {
  const { weightDecay = 0, cosineSteps, inputNoise } = options;
  const done = cosineSteps === undefined ? 0 : Math.min(1, (step - 1) / cosineSteps);
  const learningRate = options.learningRate * (1 + Math.cos(Math.PI * done)) / 2;
  return {
    rate: learningRate / (1 - ADAM.beta1 ** step),
    scale: 1 / Math.sqrt(1 - ADAM.beta2 ** step),
    decay: 1 - learningRate * weightDecay,
    noiseKey: mix((inputNoise?.seed ?? 0) + Math.imul(step, GOLDEN)),
  };
}

const GOLDEN = 0x9e3779b9, ROW = 0x85ebca6b;

/** Noise is the sum of four numbers of 16 bits, close to a normal distribution, times this. */
export function noiseFactor({ inputNoise }: OptimiserOptions): number {
  return (inputNoise?.deviation ?? 0) * Math.sqrt(3) / 65536;
}

/**
 * Input noise before `noiseFactor`: whole numbers, the same in every engine, that depend on the step's key, the sample's
 * place in the mini-batch and the element alone.
 */
export function noiseOf(noiseKey: number, place: number, element: number): number {
  const key = mix(noiseKey ^ Math.imul(place + 1, ROW));
  const a = mix(key + Math.imul(2 * element + 1, GOLDEN)), b = mix(key + Math.imul(2 * element + 2, GOLDEN));
  return (a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16) - 131070;
}

/** MurmurHash3's finaliser on 32 bits. */
function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), ROW);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
