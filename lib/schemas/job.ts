import { z } from "zod";
import { recipeSchema } from "./recipe.ts";

export const regionSchema = z.object({
  row: z.int().min(0),
  col: z.int().min(0),
  rows: z.int().min(1),
  cols: z.int().min(1),
});
/** A rectangle of pixels: `row`, `col` of its first pixel and its extent. */
export type Region = z.infer<typeof regionSchema>;

export const directionSchema = z.enum(["im2spec", "spec2im"]);
export type Direction = z.infer<typeof directionSchema>;

/** A job holds the pairs of all its cubes at once. */
const MOST_CUBES = 16;

export const trainRequestSchema = z.object({
  kind: z.literal("train"),
  direction: directionSchema,
  cube: z.string().optional(),
  /**
   * In place of `cube` and `region`: several maps of the same quantity, whose spectra are resampled to the first one's axis
   * where theirs differ. Each is standardised by its own training part.
   */
  cubes: z.array(z.strictObject({ cube: z.string(), region: regionSchema.optional() })).min(1).max(MOST_CUBES)
    .optional(),
  /** Where training pixels' centres lie; default: the left 72 % of the columns. */
  region: regionSchema.optional(),
  /** `robust` has defaults of its own: 14 epochs, 16 filters, 3 members, noise, decay and cosine (recipe.ts). */
  recipe: recipeSchema.default("published"),
  window: z.int().min(2).max(64).default(8),
  latent: z.int().min(1).max(64).default(2),
  filters: z.int().min(1).max(256).default(64),
  /** The image side: the map at this spectral value (default 0) … */
  imageAt: z.number().optional(),
  /** … or a separate image channel by name. */
  map: z.string().optional(),
  epochs: z.int().min(1).max(10000).default(100),
  batchSize: z.int().min(2).max(1024).default(64),
  learningRate: z.number().positive().max(1).default(0.001),
  /** Adam's decoupled weight decay a step and unit of learning rate. */
  weightDecay: z.number().min(0).max(1).default(0),
  /** `cosine`: the learning rate falls to 0 over the training. */
  schedule: z.enum(["constant", "cosine"]).default("constant"),
  /**
   * Deviation of the noise that is added to each input of a mini-batch, in standardised units. Default: none, or for
   * `robust` what spatial folds inside the training part choose (0.2 or 0.5).
   */
  inputNoise: z.number().min(0).max(5).optional(),
  seed: z.int().min(0).max(0xffffffff).default(1),
  /** `name@version`: continue from this model's weights and scaler. */
  from: z.string().optional(),
  /** Standardisation of spectra: one mean and deviation, one per spectral step, or none. */
  scaling: z.enum(["global", "perStep", "none"]).default("global"),
  /** An ensemble of this many seeds in one version. */
  members: z.int().min(1).max(16).default(1),
  /**
   * `sides` also trains on the left, right, upper and lower part in turn: scores as mean and range over the four. `cubes`
   * also trains without each of several cubes in turn and tests on that one: does it carry over to another area?
   */
  validation: z.enum(["split", "sides", "cubes"]).default("split"),
  saveAs: z.string().regex(
    /^[a-z0-9][a-z0-9._-]{0,63}$/,
    "expected a name of 1 to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit",
  ),
  priority: z.int().min(0).max(9).default(5),
  webhook: z.url().max(2048).optional(),
  notes: z.string().max(10000).optional(),
}).superRefine(({ cube, cubes, region }, context) => {
  const refuse = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
  if (cube === undefined && cubes === undefined) refuse("cube", "No cube was given; expected cube or cubes");
  if (cube !== undefined && cubes) refuse("cubes", "Both cube and cubes were given; expected one of them");
  if (region && cubes) refuse("region", "A region was given beside cubes; expected a region in each of cubes");
});
export type TrainRequest = z.infer<typeof trainRequestSchema>;

/** What a training learns from: one cube, or several, each with its region where one was asked for. */
export function trainedCubes({ cube, cubes, region }: TrainRequest): { cube: string; region?: Region }[] {
  if (cubes) return cubes;
  return cube === undefined ? [] : [{ cube, ...(region ? { region } : {}) }];
}

/** A derived result that takes too long for one GET: the resource's path and query, computed in the background. */
export const resultRequestSchema = z.object({
  kind: z.literal("result"),
  /** What is computed: `errors`, `gmm`, `loops`, … */
  result: z.string(),
  cube: z.string(),
  /** `name@version` when a model is involved. */
  model: z.string().optional(),
  parameters: z.record(z.string(), z.unknown()),
});
export type ResultRequest = z.infer<typeof resultRequestSchema>;

export const jobRequestSchema = z.discriminatedUnion("kind", [trainRequestSchema, resultRequestSchema]);
export type JobRequest = z.infer<typeof jobRequestSchema>;

/** Ids of all cubes that a job reads; at least one. */
export function cubesRead(request: JobRequest): string[] {
  if (request.kind === "train") return trainedCubes(request).map(({ cube }) => cube);
  const { imaginary } = request.parameters;
  return typeof imaginary === "string" ? [request.cube, imaginary] : [request.cube];
}

export const jobStateSchema = z.enum(["queued", "running", "succeeded", "failed", "cancelled"]);
export type JobState = z.infer<typeof jobStateSchema>;

/** `preparing` pairs and ridge; `folds` of a robust training; `calibrating` its spread; `scoring` against the baselines. */
export const trainingPhaseSchema = z.enum(["preparing", "folds", "training", "calibrating", "scoring", "saving"]);
export type TrainingPhase = z.infer<typeof trainingPhaseSchema>;

export const jobProgressSchema = z.object({
  /** 0 before the first has ended. */
  epoch: z.int(),
  epochs: z.int(),
  trainLoss: z.number().nullable(),
  testLoss: z.number().nullable(),
  /** Held-out loss of a ridge regression: what the test loss has to fall below. */
  ridgeLoss: z.number().nullable().optional(),
  patchesPerSecond: z.number().nullable(),
  etaSeconds: z.number().nullable(),
  /** What a training is doing. */
  phase: trainingPhaseSchema.optional(),
});
export type JobProgress = z.infer<typeof jobProgressSchema>;

export const jobHistorySchema = z.object({
  trainLoss: z.array(z.number().nullable()),
  testLoss: z.array(z.number().nullable()),
});
export type JobHistory = z.infer<typeof jobHistorySchema>;

export const jobErrorSchema = z.object({ code: z.string(), detail: z.string() });

/** A job as the store keeps it and HTTP shows it (api.md, Jobs). */
export const jobRecordSchema = z.object({
  id: z.string(),
  kind: z.enum(["train", "result"]),
  state: jobStateSchema,
  request: jobRequestSchema,
  createdAt: z.string(),
  startedAt: z.string().optional(),
  finishedAt: z.string().optional(),
  progress: jobProgressSchema.optional(),
  history: jobHistorySchema.optional(),
  result: z.object({ model: z.string(), version: z.int() }).partial().optional(),
  error: jobErrorSchema.optional(),
  /** How often a worker died under this job. */
  attempts: z.int(),
});
export type JobRecord = z.infer<typeof jobRecordSchema>;
