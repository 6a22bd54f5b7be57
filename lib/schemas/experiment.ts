import { z } from "zod";
import { axisSchema } from "./cube.ts";
import { givenSchemas } from "./given.ts";

export const strategySchema = z.enum(["mixed", "space", "uncertainty", "novelty", "target", "random", "grid"]);
/** How the next points are chosen. */
export type Strategy = z.infer<typeof strategySchema>;

const targetSchema = z.strictObject({
  /** A loop parameter such as `area` or `coercivePositive`, or `step:N`. */
  parameter: z.string().min(1).max(50),
  goal: z.union([z.enum(["max", "min"]), z.number()]),
});
export type ExperimentTarget = z.infer<typeof targetSchema>;

const pixelIndex = z.int().min(0).max(65535);

/** Corners as [row, col] in pixels. */
const polygonSchema = z.array(z.tuple([z.number().min(-1024).max(65535), z.number().min(-1024).max(65535)])).min(3).max(
  256,
);

export const pointSchema = z.object({ row: pixelIndex, col: pixelIndex });

export const experimentRequestSchema = z.strictObject({
  name: z.string().min(1).max(200),
  /** A rehearsal: its spectra are revealed only as they are asked for … */
  cube: z.string().min(1).max(100).optional(),
  /** … on its image channel of that name or the map nearest to a spectral value (default 0); … */
  map: z.string().min(1).max(200).optional(),
  imageAt: z.number().optional(),
  /** … or the image that is there before anything is measured. */
  image: z.object({
    dtype: z.string().max(20).optional(),
    shape: z.tuple([z.int().min(4).max(1024), z.int().min(4).max(1024)]),
    data: z.array(z.number().nullable()).max(2 ** 20),
  }).optional(),
  axis: givenSchemas.axis.optional(),
  quantity: givenSchemas.quantity.optional(),
  unit: givenSchemas.unit.optional(),
  pixel: givenSchemas.pixel.optional(),
  window: z.int().min(2).max(32).multipleOf(2, "expected an even number").default(8),
  latent: z.int().min(1).max(64).default(2),
  strategy: strategySchema.default("mixed"),
  target: targetSchema.optional(),
  /** Pixels inside these polygons and on their edges are never proposed; they may be measured all the same. */
  forbidden: z.array(polygonSchema).max(64).optional(),
  /** How each batch is sorted: by what its points were chosen by, or as a short way of the tip through them. */
  order: z.enum(["score", "path"]).default("score"),
  batch: z.int().min(1).max(256).default(16),
  seed: z.int().min(0).max(0xffffffff).default(1),
});
export type ExperimentRequest = z.infer<typeof experimentRequestSchema>;

/** Without points the next ones are handed out all the same: so a second instrument joins. */
export const measurementsSchema = z.strictObject({
  points: z.array(z.strictObject({
    ...pointSchema.shape,
    values: z.array(z.number()).min(1).max(16384).optional(),
    /** As it came with the point; of no effect. */
    score: z.number().optional(),
  })).max(4096),
});
export type MeasurementsRequest = z.infer<typeof measurementsSchema>;

export const finishSchema = z.strictObject({ saveAs: z.string().min(1).max(64).optional() });

const suggestedSchema = pointSchema.extend({ score: z.number().optional() });

const batchHistorySchema = z.object({
  /** Points so far, with this batch. */
  measured: z.int(),
  /** Of the batch, before it was learned from; absent until there was a model. */
  before: z.object({ points: z.int(), r2: z.number().nullable(), mse: z.number(), coverage: z.number() }).optional(),
  /** In a rehearsal: r2 over the whole map with the measured points, and with as many random ones. */
  map: z.object({ r2: z.number().nullable(), random: z.number().nullable() }).optional(),
  seconds: z.number(),
});

export const experimentSchema = z.object({
  id: z.string(),
  name: z.string(),
  state: z.enum(["open", "finished"]),
  /** rows, cols of the map. */
  shape: z.tuple([z.int(), z.int()]),
  /** Spectral steps; null until the first spectrum says. */
  points: z.int().nullable(),
  cube: z.string().optional(),
  /** Spectral axis, where it is known; not in lists. */
  axis: axisSchema.optional(),
  quantity: z.string().optional(),
  unit: z.string().optional(),
  strategy: strategySchema,
  target: targetSchema.optional(),
  window: z.int(),
  latent: z.int(),
  batch: z.int(),
  seed: z.int(),
  createdAt: z.string(),
  measured: z.int(),
  /** Pixels that are never proposed. */
  forbiddenPixels: z.int().optional(),
  order: z.enum(["score", "path"]).optional(),
  next: z.array(suggestedSchema),
  /** With the order `path`: length of the way through `next` from the last measured point, in pixels. */
  pathLength: z.number().optional(),
  model: z.object({ trainedOn: z.int(), ageMs: z.number() }).optional(),
  result: z.object({ cube: z.string(), job: z.string().optional() }).optional(),
});
export type ExperimentView = z.infer<typeof experimentSchema>;
export type BatchHistory = z.infer<typeof batchHistorySchema>;
export const experimentHistorySchema = z.object({ batches: z.array(batchHistorySchema) });
export const measuredAnswerSchema = experimentSchema.pick({
  measured: true,
  next: true,
  pathLength: true,
  model: true,
});
