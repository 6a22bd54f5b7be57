import { z } from "zod";
import { complexPartSchema, givenSchemas } from "./given.ts";
import { preparationsSchema } from "./preparation.ts";

export const axisSchema = z.object({
  name: z.string(),
  unit: z.string(),
  values: z.array(z.number()),
});
export type Axis = z.infer<typeof axisSchema>;

export const cubeHealthSchema = z.object({
  /** Values that were NaN or infinite in the file. */
  nan: z.int(),
  /** Finite values further from their spectral step's median than the limit, in robust standard deviations. */
  outliers: z.int(),
  /** Pixels whose whole spectrum (or its fit) is unusable. */
  failedPixels: z.int(),
  /** Values replaced before use; 0 when repair is off. */
  repaired: z.int(),
});
export type CubeHealth = z.infer<typeof cubeHealthSchema>;

export const datasetChoiceSchema = z.object({
  dataset: z.string(),
  shape: z.array(z.int()),
  quantity: z.string(),
  /** Why it stands where it does among the others, the likeliest first. */
  reason: z.string().optional(),
});
export type DatasetChoice = z.infer<typeof datasetChoiceSchema>;

export const mapInfoSchema = z.object({ name: z.string(), quantity: z.string(), unit: z.string() });
export type MapInfo = z.infer<typeof mapInfoSchema>;

/** One preparation step, recorded so that prediction can repeat it. */
export const provenanceStepSchema = z.object({
  step: z.string(),
  parameters: z.record(z.string(), z.unknown()),
});
export type ProvenanceStep = z.infer<typeof provenanceStepSchema>;

/** A cube as the store keeps it and HTTP shows it (api.md, Cubes). */
export const cubeRecordSchema = z.object({
  id: z.string(),
  name: z.string(),
  format: z.string(),
  dataset: z.string(),
  /** rows, cols, points */
  shape: z.tuple([z.int(), z.int(), z.int()]),
  axes: z.object({ row: axisSchema, col: axisSchema, spectral: axisSchema }),
  quantity: z.string(),
  unit: z.string(),
  /** Of the bytes as uploaded. */
  sha256: z.string(),
  sizeBytes: z.int(),
  createdAt: z.string(),
  health: cubeHealthSchema,
  choices: z.array(datasetChoiceSchema),
  maps: z.array(mapInfoSchema),
  /** Plain words on what was met in the file: truncated grid, branch taken, phase offset found. */
  notes: z.array(z.string()),
  /** What to check before training: where little but its place says which axis is the spectrum. */
  warnings: z.array(z.string()).optional(),
  provenance: z.array(provenanceStepSchema),
});
export type CubeRecord = z.infer<typeof cubeRecordSchema>;

/** What the parsing process reports of a file; the store adds id, name, sha256, sizeBytes and createdAt. */
export const ingestedCubeSchema = cubeRecordSchema.omit({
  id: true,
  name: true,
  sha256: true,
  sizeBytes: true,
  createdAt: true,
});
export type IngestedCube = z.infer<typeof ingestedCubeSchema>;

/** What may be changed of a cube: the name that people see. */
export const renameCubeSchema = z.strictObject({ name: z.string().trim().min(1).max(200) });

/** How to read an upload: part of a cube's identity together with its bytes. */
export const ingestOptionsSchema = z.object({
  /** Path of the dataset inside the file. */
  dataset: z.string().max(1024).optional(),
  /** Selection such as `field:out,cycle:0` or `Current`. */
  channel: z.string().max(256).optional(),
  /**
   * `off` keeps outliers, `robust` replaces them; without it they are kept in counts and replaced in all else. NaN are
   * always repaired.
   */
  repair: z.enum(["robust", "off"]).optional(),
  /** Steps done once, after repair; they become the cube's provenance. */
  prepare: preparationsSchema.optional(),
  /** The spectral axis, its unit and so on where the file does not say them. */
  axis: givenSchemas.axis.optional(),
  quantity: givenSchemas.quantity.optional(),
  unit: givenSchemas.unit.optional(),
  pixel: givenSchemas.pixel.optional(),
  /** What is read of complex values; default: the magnitude. */
  complex: complexPartSchema.optional(),
});
export type IngestOptions = z.infer<typeof ingestOptionsSchema>;
