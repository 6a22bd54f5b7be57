import { z } from "zod";
import { axisSchema } from "./cube.ts";
import { directionSchema } from "./job.ts";
import { modelManifestSchema, modelNameSchema, networkOptionsSchema, scalerSchema } from "./model.ts";

export const setAliasSchema = z.strictObject({ version: z.int().min(1) });

/** The `model` part of an imported checkpoint; `weights` is the other part. */
export const importModelSchema = z.strictObject({
  name: modelNameSchema,
  network: networkOptionsSchema.strict(),
  axis: axisSchema.optional(),
  scaler: scalerSchema.optional(),
});

export const modelSummarySchema = z.object({
  name: z.string(),
  versions: z.array(z.int()),
  latest: z.int(),
  aliases: z.record(z.string(), z.int()),
  direction: directionSchema,
  readOnly: z.boolean(),
});

export const modelViewSchema = modelManifestSchema.extend({
  aliases: z.array(z.string()),
  readOnly: z.boolean(),
  card: z.string(),
});

export const importedModelSchema = z.object({ name: z.string(), version: z.int() });
