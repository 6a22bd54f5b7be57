import { z } from "zod";
import { jobStateSchema } from "./job.ts";
import { modelNameSchema } from "./model.ts";
import { complexPartSchema, givenSchemas } from "./given.ts";
import { preparationsSchema } from "./preparation.ts";
import { aboveZeroText, booleanText, integerText, jsonText, numberText, pairText } from "./query_values.ts";

/** Query strings of the HTTP face. Unknown names are refused: a misspelt option must not be silently the default. */
const MAX_PIXEL = 1_000_000;
const components = () => integerText(1, 64).default(8).meta({ description: "Number of components" });
const seed = () => integerText(0, 0xffffffff).default(1).meta({ description: "Seed of the random starts" });
const radius = () => aboveZeroText().optional().meta({ description: "Default: from the k-distance curve" });
const minPoints = () => integerText(1, 10000).default(8).meta({ description: "Neighbours that make a core point" });
const window = () =>
  integerText(2, 64).pipe(z.int().min(2).max(64).multipleOf(2, "expected an even number")).default(8).meta({
    description: "Pixels along a side of a patch; even",
  });
const fit = () => booleanText().default(false).meta({ description: "Also the nine-parameter fit" });

export const noQuerySchema = z.strictObject({});

/** An axis of 65536 values as text. */
const LONGEST_AXIS_TEXT = 2 ** 21;

export const pageQuerySchema = z.strictObject({
  limit: integerText(1, 500).default(50).meta({ description: "Most items on a page" }),
  cursor: z.string().min(1).max(512).optional().meta({ description: "`nextCursor` of the page before" }),
});

export const importQuerySchema = z.strictObject({
  name: modelNameSchema.optional().meta({ description: "Instead of the name in the archive or form" }),
});

export const jobsQuerySchema = pageQuerySchema.extend({ state: jobStateSchema.optional() });

export const uploadQuerySchema = z.strictObject({
  name: z.string().min(1).max(200).optional().meta({ description: "A name for people; default: the file's" }),
  dataset: z.string().min(1).max(1024).optional().meta({ description: "Path of the dataset inside the file" }),
  channel: z.string().min(1).max(256).optional().meta({ description: "Such as `field:out,cycle:0` or `Current`" }),
  repair: z.enum(["robust", "off"]).optional().meta({
    description: "`off` keeps outliers, `robust` replaces them; without it they are kept in counts only",
  }),
  prepare: jsonText(preparationsSchema, "a list of steps").optional().meta({
    description:
      'Steps done once, in order, such as `[{"step":"crop","parameters":{"row":0,"col":0,"rows":32,"cols":32}}]`',
  }),
  axis: jsonText(givenSchemas.axis, "an axis", LONGEST_AXIS_TEXT).optional().meta({
    description: 'The spectral axis, such as `{"name":"bias","unit":"V","start":-8,"stop":8}` or with `values`',
  }),
  quantity: givenSchemas.quantity.optional().meta({ description: "What was measured, such as `Piezoresponse`" }),
  unit: givenSchemas.unit.optional().meta({ description: "Its unit" }),
  pixel: jsonText(givenSchemas.pixel, "a pixel size").optional().meta({
    description: 'Distance between pixels, such as `{"size":40,"unit":"nm"}` or `{"row":40,"col":20,"unit":"nm"}`',
  }),
  complex: complexPartSchema.optional().meta({ description: "What is read of complex values; default: magnitude" }),
});

/** Instead of a file: the bytes of a cube that is there, read again. */
export const newCubeQuerySchema = uploadQuerySchema.extend({
  from: z.string().min(1).max(100).optional().meta({
    description: "Id of a cube whose uploaded bytes are read again with these options; the body is empty",
  }),
});

export const experimentNextQuerySchema = z.strictObject({
  count: integerText(1, 1024).optional().meta({ description: "How many; default: the batch" }),
});

export const experimentPredictionQuerySchema = z.strictObject({
  index: integerText(0, MAX_PIXEL).optional().meta({
    description: "Spectral step; `mean` is rows x cols then. Default: all steps",
  }),
});

export const mapUploadQuerySchema = uploadQuerySchema.pick({ name: true, dataset: true });

export const mapQuerySchema = z.strictObject({
  at: numberText().optional().meta({ description: "Spectral value; the nearest step is taken" }),
  index: integerText(0, MAX_PIXEL).optional().meta({ description: "Spectral step" }),
  branch: z.enum(["first", "last"]).optional().meta({ description: "Where a sweep passes `at` twice" }),
  map: z.string().min(1).max(200).optional().meta({ description: "A separate image channel by name" }),
}).refine(
  ({ at, index, map }) => [at, index, map].filter((value) => value !== undefined).length <= 1,
  "expected only one of at, index and map",
).refine(
  ({ branch, index, map }) => branch === undefined || (index === undefined && map === undefined),
  "expected branch with at, or alone",
);

export const spectrumQuerySchema = z.strictObject({
  row: integerText(0, MAX_PIXEL),
  col: integerText(0, MAX_PIXEL),
  radius: numberText(0, 1000).default(0).meta({ description: "Averages over pixels this near" }),
});

/** Parameters of what is derived from a cube alone, by result. */
export const cubeResultQuerySchemas = {
  pca: z.strictObject({ components: components() }),
  nmf: z.strictObject({ components: components(), seed: seed() }),
  loops: z.strictObject({ fit: fit() }),
  sho: z.strictObject({
    imaginary: z.string().min(1).max(200).optional().meta({
      description: "Id of the cube with the imaginary part of the response; the cube itself is the real part",
    }),
  }),
  patchGmm: z.strictObject({
    window: window(),
    components: components(),
    seed: seed(),
    at: numberText().optional(),
    map: z.string().min(1).max(200).optional(),
  }),
  dbscan: z.strictObject({
    window: window(),
    radius: radius(),
    minPoints: minPoints(),
    at: numberText().optional(),
    map: z.string().min(1).max(200).optional(),
  }),
};

/** Parameters of what is derived from a model and a cube, by result. */
export const modelResultQuerySchemas = {
  predictions: z.strictObject({
    row: integerText(0, MAX_PIXEL).optional(),
    col: integerText(0, MAX_PIXEL).optional(),
  }).refine(({ row, col }) => (row === undefined) === (col === undefined), "expected row and col, or neither"),
  errors: noQuerySchema,
  consensus: noQuerySchema,
  latents: noQuerySchema,
  gmm: z.strictObject({
    components: components(),
    seed: seed(),
    covariance: z.enum(["full", "tied", "diagonal", "spherical"]).default("full"),
  }),
  manifold: z.strictObject({ steps: integerText(2, 64).default(16), dims: pairText().default([0, 1]) }),
  suggest: z.strictObject({
    count: integerText(1, 1000).default(10),
    by: z.enum(["error", "uncertainty", "novelty", "diversity", "consensus"]).default("error"),
  }),
  dbscan: z.strictObject({ radius: radius(), minPoints: minPoints() }),
  pca: z.strictObject({ components: components() }),
  nmf: z.strictObject({ components: components(), seed: seed() }),
  jacobian: z.strictObject({ steps: integerText(2, 64).default(16), dims: pairText().default([0, 1]) }),
  loops: z.strictObject({ fit: fit() }),
};
