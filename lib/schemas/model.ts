import { z } from "zod";
import { axisSchema } from "./cube.ts";
import { directionSchema, regionSchema } from "./job.ts";
import { preparationsSchema } from "./preparation.ts";
import { recipeSchema } from "./recipe.ts";

const WORD = "of 1 to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit";
export const modelNameSchema = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, `expected a name ${WORD}`);
/** A word that is not a number and not `latest`. */
export const aliasSchema = z.string().regex(
  /^(?!latest$)(?![0-9]+$)[a-z0-9][a-z0-9._-]{0,63}$/,
  `expected a word ${WORD}, neither a number nor \`latest\``,
);

export const networkOptionsSchema = z.object({
  /** `robust`: with a linear path through the same bottleneck; absent: as published. */
  recipe: z.literal("robust").optional(),
  direction: directionSchema,
  window: z.int().min(2).max(64),
  points: z.int().min(1).max(16384),
  latent: z.int().min(1).max(64),
  filters: z.int().min(1).max(256),
});
/** All that is needed to build the layer list of a network (`models/network.ts`). */
export type NetworkOptions = z.infer<typeof networkOptionsSchema>;

const momentSchema = z.union([z.number(), z.array(z.number())]);
export const standardiserSchema = z.object({ mean: momentSchema, std: momentSchema });
/** `(x - mean) / std`; arrays are per spectral step. */
export type Standardiser = z.infer<typeof standardiserSchema>;

export const scalerSchema = z.object({ input: standardiserSchema, output: standardiserSchema });
export type Scaler = z.infer<typeof scalerSchema>;

/** mse in the target's squared unit, nrmse as published, r2 = 1 - mse / variance of the test targets. */
export const scoreSchema = z.object({
  mse: z.number().nullable(),
  nrmse: z.number().nullable(),
  r2: z.number().nullable(),
});
export type Score = z.infer<typeof scoreSchema>;

const baselinesSchema = z.object({
  mean: scoreSchema,
  ridge: scoreSchema,
  nearest: scoreSchema,
  /** RBF kernel ridge regression, constants chosen inside the training part. */
  kernelRidge: scoreSchema.optional(),
  /** 200 extremely randomised trees; absent from models of before 0.2.0. */
  trees: scoreSchema.optional(),
});

const heldOutScoresSchema = z.object({ test: scoreSchema, baselines: baselinesSchema });
/** Scores of a training and of the baselines on what was held out of it. */
export type HeldOutScores = z.infer<typeof heldOutScoresSchema>;

export const sideScoresSchema = heldOutScoresSchema.extend({
  side: z.enum(["left", "right", "upper", "lower"]),
  /** What was trained on. */
  region: regionSchema,
});
/** Held-out scores of a model trained on one side of the map. */
export type SideScores = z.infer<typeof sideScoresSchema>;

const rangeSchema = z.object({ mean: z.number(), min: z.number(), max: z.number() }).nullable();
const scoreRangesSchema = z.object({ mse: rangeSchema, nrmse: rangeSchema, r2: rangeSchema });

export const scoresSchema = z.object({
  train: scoreSchema.optional(),
  test: scoreSchema,
  baselines: baselinesSchema,
  /** With `validation: "sides"`: the same training on four sides, and mean and range of each score over them. */
  sides: z.object({
    bySide: z.array(sideScoresSchema),
    test: scoreRangesSchema,
    baselines: z.record(z.string(), scoreRangesSchema),
  }).optional(),
  /** Of a model of several cubes: on each one's own held-out part, and, with `validation: "cubes"`, trained without it. */
  cubes: z.array(heldOutScoresSchema.extend({ name: z.string(), leftOut: heldOutScoresSchema.optional() })).optional(),
  /** Of the `robust` recipe's linear path alone; what is missing to `test` the convolutions add. */
  linearPath: scoreSchema.optional(),
  /** Scores of spatial blocks of the test part, from which intervals are bootstrapped. */
  byBlock: z.array(scoreSchema.extend({ region: regionSchema, count: z.int(), cube: z.int().optional() })).optional(),
  /** 90 % block-bootstrap intervals. */
  intervals: z.record(z.string(), z.tuple([z.number(), z.number()])).optional(),
  verdict: z.string().optional(),
  /** Share of held-out targets inside the ensemble's 90 % band, after calibration. */
  coverage: z.number().optional(),
});
export type Scores = z.infer<typeof scoresSchema>;

/** One of several cubes that a model was trained on. */
const trainedCubeSchema = z.object({
  cubeSha256: z.string(),
  cubeName: z.string(),
  shape: z.tuple([z.int(), z.int(), z.int()]),
  region: regionSchema,
  seen: z.array(regionSchema).optional(),
  /** Its own preparation, and how its spectra came to the model's axis. */
  preparation: preparationsSchema.optional(),
  /** Fitted to its own training part; used where the model is applied to it. */
  scaler: scalerSchema,
  trainPixels: z.int(),
  testPixels: z.int(),
});
export type TrainedCube = z.infer<typeof trainedCubeSchema>;

export const weightsSchema = z.object({ sha256: z.string(), bytes: z.int() });

/** `model.json` of an artifact: everything but the weights. Predicting needs nothing else. */
export const modelManifestSchema = z.object({
  name: modelNameSchema,
  version: z.int().min(1),
  createdAt: z.string(),
  network: networkOptionsSchema,
  /** The spectral axis and quantity the model was trained on; absent for an imported checkpoint without one. */
  axis: axisSchema.optional(),
  quantity: z.string().optional(),
  unit: z.string().optional(),
  /** Which image the patches were cut from. */
  image: z.union([z.object({ imageAt: z.number() }), z.object({ map: z.string() })]).optional(),
  /** How the training cube was prepared; repeated on a cube that was not. */
  preparation: preparationsSchema.optional(),
  scaler: scalerSchema,
  /** Absent for an imported checkpoint. */
  training: z.object({
    cubeSha256: z.string(),
    cubeName: z.string(),
    /** rows, cols, points of the cube; a file can hold several. */
    shape: z.tuple([z.int(), z.int(), z.int()]).optional(),
    region: regionSchema,
    /** Where on the same cube the models that this one continues from were trained. */
    seen: z.array(regionSchema).optional(),
    guard: z.int(),
    epochs: z.int(),
    bestEpoch: z.int(),
    batchSize: z.int(),
    learningRate: z.number(),
    /** Absent from models of before 0.2.0: as published. */
    recipe: recipeSchema.optional(),
    weightDecay: z.number().optional(),
    schedule: z.enum(["constant", "cosine"]).optional(),
    inputNoise: z.number().optional(),
    /** What spatial folds inside the training part chose for a `robust` training, and their r2. */
    folds: z.object({ inputNoise: z.number(), slope: z.number(), r2: z.number() }).optional(),
    seed: z.int(),
    from: z.string().optional(),
    trainPixels: z.int(),
    testPixels: z.int(),
    /** Of a model of several cubes: all of them. What stands beside this is the first one's; `scaler` is their mean. */
    cubes: z.array(trainedCubeSchema).optional(),
    seconds: z.number(),
    engine: z.string(),
    device: z.string(),
    history: z.object({ trainLoss: z.array(z.number()), testLoss: z.array(z.number()) }),
  }).optional(),
  scores: scoresSchema.optional(),
  /** SHA-256 and size of `weights.safetensors` (best epoch); `last` is the last epoch's file where kept. */
  weights: weightsSchema,
  last: weightsSchema.optional(),
  /** Further members of an ensemble, `weights.1.safetensors` and on. */
  members: z.array(weightsSchema).optional(),
  /** Factor that turns the members' spread into a calibrated 90 % half-width. */
  spreadFactor: z.number().optional(),
  /** Distance from the training inputs beyond which a prediction is warned about. */
  novelty: z.object({
    inputMin: z.number(),
    inputMax: z.number(),
    latentMin: z.array(z.number()),
    latentMax: z.array(z.number()),
  })
    .optional(),
  notes: z.string().optional(),
});
export type ModelManifest = z.infer<typeof modelManifestSchema>;

/** `check.json`: one input and its prediction, recomputed when the model is loaded. */
export const modelCheckSchema = z.object({
  input: z.array(z.number()),
  latent: z.array(z.number()),
  output: z.array(z.number()),
  tolerance: z.number(),
});
export type ModelCheck = z.infer<typeof modelCheckSchema>;
