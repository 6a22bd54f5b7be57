import { z } from "zod";

/** Open Inference Protocol v2 (https://github.com/open-inference/open-inference-protocol), REST. */
export const tensorDatatypeSchema = z.enum([
  "BOOL",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP16",
  "BF16",
  "FP32",
  "FP64",
  "BYTES",
]);
export type TensorDatatype = z.infer<typeof tensorDatatypeSchema>;

/** Clients that write every field write null for those that they leave out. */
const parametersSchema = z.record(z.string(), z.unknown());
export type TensorParameters = z.infer<typeof parametersSchema> | null | undefined;
const shapeSchema = z.array(z.int().min(0)).min(1).max(8);

export const inferInputSchema = z.object({
  name: z.string().max(256),
  shape: shapeSchema,
  datatype: tensorDatatypeSchema,
  parameters: parametersSchema.nullish(),
  data: z.unknown().optional(),
});

export const inferRequestSchema = z.object({
  id: z.string().max(1024).nullish(),
  parameters: parametersSchema.nullish(),
  inputs: z.array(inferInputSchema).min(1).max(16),
  outputs: z.array(z.object({ name: z.string().max(256), parameters: parametersSchema.nullish() })).max(16).nullish(),
});
export type InferRequest = z.infer<typeof inferRequestSchema>;
export type InferInput = z.infer<typeof inferInputSchema>;

const tensorMetadataSchema = z.object({
  name: z.string(),
  datatype: tensorDatatypeSchema,
  shape: z.array(z.int()).meta({ description: "-1: any length" }),
});

export const serverMetadataSchema = z.object({
  name: z.string(),
  version: z.string(),
  extensions: z.array(z.string()),
});
export const modelMetadataSchema = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(tensorMetadataSchema),
  outputs: z.array(tensorMetadataSchema),
});
export const liveSchema = z.object({ live: z.boolean() });
export const readySchema = z.object({ ready: z.boolean() });
export const modelReadySchema = z.object({ name: z.string(), ready: z.boolean() });
export const inferResponseSchema = z.object({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().optional(),
  parameters: parametersSchema.optional(),
  outputs: z.array(z.object({
    name: z.string(),
    shape: z.array(z.int()),
    datatype: tensorDatatypeSchema,
    parameters: parametersSchema.optional(),
    data: z.array(z.number().nullable()).optional(),
  })),
});

/** Versions of models that are ready; every one that is stored is. */
export const repositoryIndexSchema = z.array(z.object({
  name: z.string(),
  version: z.string(),
  state: z.literal("READY"),
  reason: z.string(),
}));
