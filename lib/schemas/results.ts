import { z } from "zod";
import { axisSchema } from "./cube.ts";
import { arrayJsonSchema } from "./http_array.ts";
import { scoreSchema } from "./model.ts";

/** Derived results as JSON: what every client may rely on. Further fields may be there. */
const array = arrayJsonSchema;
const maps = (description: string) => array.meta({ description });

/** The pixels whose patch lies inside the map; other pixels of a map are null. */
const positionsSchema = z.object({ row0: z.int(), col0: z.int(), rows: z.int(), cols: z.int() });
const gridSchema = z.object({ z0: array, z1: array });

export const mapResultSchema = z.looseObject({ values: maps("rows x cols") });
export const spectrumResultSchema = z.looseObject({
  row: z.int(),
  col: z.int(),
  axis: axisSchema,
  values: maps("points"),
  count: z.int(),
});

export const pcaResultSchema = z.looseObject({
  explainedVarianceRatio: maps("components"),
  components: maps("components x points"),
  maps: maps("components x rows x cols"),
  mean: maps("points"),
});
export const nmfResultSchema = z.looseObject({
  components: maps("components x points"),
  maps: maps("components x rows x cols"),
});
export const loopsResultSchema = z.looseObject({
  axis: axisSchema,
  units: z.record(z.string(), z.string()),
  area: maps("rows x cols, as every parameter that `units` names"),
});
export const shoResultSchema = z.looseObject({
  units: z.record(z.string(), z.string()),
  amplitude: array,
  resonance: array,
  qualityFactor: array,
  phase: array,
  r2: array,
});
export const patchGmmResultSchema = z.looseObject({
  positions: positionsSchema,
  labels: maps("rows x cols"),
  bic: array,
  patches: maps("components x window x window"),
});
export const dbscanResultSchema = z.looseObject({
  positions: positionsSchema,
  labels: maps("rows x cols, -1 for noise"),
  radius: z.number(),
  clusters: z.int(),
  noise: z.int(),
  kDistances: maps("ascending"),
});
export const patchDbscanResultSchema = dbscanResultSchema.extend({ patches: maps("clusters x window x window") });

const onePixelSchema = z.looseObject({
  row: z.int(),
  col: z.int(),
  patch: maps("window x window"),
  measured: array,
  predicted: array,
  latent: array,
  errors: z.record(z.string(), z.number().nullable()),
});
const allPixelsSchema = z.looseObject({ positions: positionsSchema, predicted: array, latents: array });
export const predictionsResultSchema = z.union([onePixelSchema, allPixelsSchema]);
export const errorsResultSchema = z.looseObject({
  positions: positionsSchema,
  mse: maps("rows x cols"),
  nrmse: maps("rows x cols"),
  areaAbs: maps("rows x cols, im2spec; null where the axis is no loop").nullish(),
  ssim: maps("rows x cols, spec2im: 1 - SSIM").optional(),
  isTrain: array,
  scores: z.looseObject({
    train: scoreSchema.nullish(),
    guard: scoreSchema.nullish(),
    test: scoreSchema.nullish(),
  }),
});
export const consensusResultSchema = z.looseObject({
  positions: positionsSchema,
  output: maps("rows x cols x output: the average of model, kernel ridge regression and trees"),
  mse: maps("rows x cols"),
  nrmse: maps("rows x cols"),
  smallest: maps("rows x cols, smallest mean squared error of any method"),
  explainedBy: maps("rows x cols, the place of that method in `methods`"),
  methods: z.array(z.string()),
  isTrain: maps("rows x cols; on training pixels errors are those of a fit"),
  scores: z.looseObject({
    model: scoreSchema.nullable(),
    ridge: scoreSchema.nullable(),
    kernelRidge: scoreSchema.nullable(),
    trees: scoreSchema.nullable(),
    consensus: scoreSchema.nullable(),
  }),
});
export const latentsResultSchema = z.looseObject({ positions: positionsSchema, latents: array, maps: array });
export const gmmResultSchema = z.looseObject({
  weights: maps("components"),
  means: maps("components x latent"),
  covariances: maps("components x latent x latent"),
  labels: maps("rows x cols"),
  logLikelihood: z.number(),
  bic: array,
  components: z.array(z.looseObject({ mean: array, decoded: array, neighbours: array, average: array })),
});
export const manifoldResultSchema = z.looseObject({
  grid: gridSchema,
  decoded: maps("steps x steps x output"),
  nearest: maps("steps x steps x input"),
});
export const suggestResultSchema = z.looseObject({
  points: z.array(z.object({ row: z.int(), col: z.int(), score: z.number() })),
});
export const jacobianResultSchema = z.looseObject({ grid: gridSchema, jacobian: array });
/** Maps by name; those of the nine-parameter fits under `fit`. */
const parametersOfLoops = z.record(z.string(), z.union([array, z.record(z.string(), array)]));
export const modelLoopsResultSchema = z.looseObject({
  positions: positionsSchema,
  measured: parametersOfLoops,
  predicted: parametersOfLoops,
  difference: parametersOfLoops,
});
