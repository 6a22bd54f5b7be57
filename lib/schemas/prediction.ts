import { z } from "zod";
import { axisSchema } from "./cube.ts";
import { arrayInputSchema, arrayJsonSchema } from "./http_array.ts";

/** `name` or `name@version`, where version is a number, `latest` or an alias; no version means latest. */
export const modelReferenceSchema = z.string().max(200).regex(
  /^[a-z0-9][a-z0-9._-]{0,63}(@[a-z0-9][a-z0-9._-]{0,63})?$/,
  "expected name@version",
);

/** The outline of a prediction's body; `inputs` is read apart. */
export const predictOutlineSchema = z.strictObject({ model: modelReferenceSchema.optional(), inputs: z.unknown() });
export const decodeOutlineSchema = z.strictObject({ model: modelReferenceSchema.optional(), latents: z.unknown() });
export const imageOutlineSchema = z.strictObject({ image: z.unknown() });

export const predictQuerySchema = z.strictObject({
  model: modelReferenceSchema.optional().meta({ description: "name@version, where the body cannot say it" }),
  as: z.enum(["inputs", "image"]).default("inputs").meta({ description: "What an NPY body is" }),
});

const inputs = z.union([arrayInputSchema, z.strictObject({ image: arrayInputSchema })]).meta({
  description: "im2spec: a patch (HxW), patches (NxHxW) or `{image}`; spec2im: a spectrum or spectra",
});
export const predictRequestSchema = z.strictObject({ model: modelReferenceSchema.optional(), inputs });
export const encodeRequestSchema = predictRequestSchema;
export const decodeRequestSchema = z.strictObject({
  model: modelReferenceSchema.optional(),
  latents: arrayInputSchema,
});

export const predictAnswerSchema = z.looseObject({
  model: z.string(),
  version: z.int(),
  axis: axisSchema.optional(),
  outputs: arrayJsonSchema,
  latents: arrayJsonSchema,
  warnings: z.array(z.string()),
  positions: z.object({ row0: z.int(), col0: z.int(), rows: z.int(), cols: z.int() }).optional(),
});
export const encodeAnswerSchema = z.looseObject({ latents: arrayJsonSchema });
export const decodeAnswerSchema = z.looseObject({ outputs: arrayJsonSchema });
