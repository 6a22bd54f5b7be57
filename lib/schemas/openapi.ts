import { z } from "zod";
import { axisSchema, cubeHealthSchema, cubeRecordSchema, renameCubeSchema } from "./cube.ts";
import {
  experimentHistorySchema,
  experimentRequestSchema,
  experimentSchema,
  finishSchema,
  measuredAnswerSchema,
  measurementsSchema,
} from "./experiment.ts";
import { arrayInputSchema, arrayJsonSchema } from "./http_array.ts";
import {
  inferRequestSchema,
  inferResponseSchema,
  liveSchema,
  modelMetadataSchema,
  modelReadySchema,
  readySchema,
  repositoryIndexSchema,
  serverMetadataSchema,
} from "./inference_v2.ts";
import { jobRecordSchema, regionSchema, trainRequestSchema } from "./job.ts";
import { scoresSchema } from "./model.ts";
import {
  importedModelSchema,
  importModelSchema,
  modelSummarySchema,
  modelViewSchema,
  setAliasSchema,
} from "./model_requests.ts";
import {
  decodeAnswerSchema,
  decodeRequestSchema,
  encodeAnswerSchema,
  encodeRequestSchema,
  predictAnswerSchema,
  predictRequestSchema,
} from "./prediction.ts";
import { problemSchema } from "./problem.ts";
import {
  consensusResultSchema,
  dbscanResultSchema,
  errorsResultSchema,
  gmmResultSchema,
  jacobianResultSchema,
  latentsResultSchema,
  loopsResultSchema,
  manifoldResultSchema,
  mapResultSchema,
  modelLoopsResultSchema,
  nmfResultSchema,
  patchDbscanResultSchema,
  patchGmmResultSchema,
  pcaResultSchema,
  predictionsResultSchema,
  shoResultSchema,
  spectrumResultSchema,
  suggestResultSchema,
} from "./results.ts";
import { healthSchema, systemSchema } from "./system.ts";

/** Plain JSON Schema (2020-12), as OpenAPI 3.1 takes it. */
export type JsonSchema = Record<string, unknown>;

const page = (item: z.ZodType) => z.object({ items: z.array(item), nextCursor: z.string().optional() });

const REQUESTS = {
  TrainRequest: trainRequestSchema.strict(),
  PredictRequest: predictRequestSchema,
  EncodeRequest: encodeRequestSchema,
  DecodeRequest: decodeRequestSchema,
  ArrayInput: arrayInputSchema,
  ImportModel: importModelSchema,
  SetAlias: setAliasSchema,
  RenameCube: renameCubeSchema,
  InferRequest: inferRequestSchema,
  ExperimentRequest: experimentRequestSchema,
  MeasurementsRequest: measurementsSchema,
  FinishExperiment: finishSchema,
} satisfies Record<string, z.ZodType>;

const ANSWERS = {
  Problem: problemSchema,
  Health: healthSchema,
  System: systemSchema,
  Axis: axisSchema,
  Region: regionSchema,
  Array: arrayJsonSchema,
  Cube: cubeRecordSchema,
  CubeHealth: cubeHealthSchema,
  CubePage: page(cubeRecordSchema),
  Job: jobRecordSchema,
  JobPage: page(jobRecordSchema),
  ModelSummary: modelSummarySchema,
  ModelPage: page(modelSummarySchema),
  Model: modelViewSchema,
  Scores: scoresSchema,
  ImportedModel: importedModelSchema,
  Prediction: predictAnswerSchema,
  Encoded: encodeAnswerSchema,
  Decoded: decodeAnswerSchema,
  MapResult: mapResultSchema,
  SpectrumResult: spectrumResultSchema,
  Pca: pcaResultSchema,
  Nmf: nmfResultSchema,
  Loops: loopsResultSchema,
  Sho: shoResultSchema,
  PatchGmm: patchGmmResultSchema,
  PatchDbscan: patchDbscanResultSchema,
  Dbscan: dbscanResultSchema,
  Predictions: predictionsResultSchema,
  Errors: errorsResultSchema,
  Consensus: consensusResultSchema,
  Latents: latentsResultSchema,
  Gmm: gmmResultSchema,
  Manifold: manifoldResultSchema,
  Suggest: suggestResultSchema,
  Jacobian: jacobianResultSchema,
  ModelLoops: modelLoopsResultSchema,
  Experiment: experimentSchema,
  ExperimentPage: page(experimentSchema),
  MeasuredAnswer: measuredAnswerSchema,
  NextPoints: experimentSchema.pick({ next: true }),
  ExperimentPrediction: z.object({
    mean: arrayJsonSchema,
    spread: arrayJsonSchema,
    measured: arrayJsonSchema,
    axis: axisSchema.nullable(),
  }),
  ExperimentImage: z.object({ image: arrayJsonSchema }),
  ExperimentMeasurements: z.object({
    points: arrayJsonSchema,
    values: arrayJsonSchema,
    axis: axisSchema.nullable(),
  }),
  ExperimentHistory: experimentHistorySchema,
  ServerMetadata: serverMetadataSchema,
  Live: liveSchema,
  Ready: readySchema,
  ModelReady: modelReadySchema,
  ModelMetadata: modelMetadataSchema,
  InferResponse: inferResponseSchema,
  RepositoryIndex: repositoryIndexSchema,
} satisfies Record<string, z.ZodType>;

export type ComponentName = keyof typeof REQUESTS | keyof typeof ANSWERS;

/** Every named schema of the HTTP face. Requests are described as sent (defaults optional), answers as received. */
export function componentSchemas(): Record<string, JsonSchema> {
  return { ...convert(REQUESTS, "input"), ...convert(ANSWERS, "output") };
}

function convert(schemas: Record<string, z.ZodType>, io: "input" | "output"): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const converted = z.toJSONSchema(registry, {
    io,
    unrepresentable: "any",
    uri: (id) => `#/components/schemas/${id}`,
  });
  return Object.fromEntries(Object.entries(converted.schemas).map(([id, schema]) => [id, clean(schema, io)]));
}

/** Drops what OpenAPI does not want; answers may grow new fields without breaking their readers. */
function clean(schema: JsonSchema, io: "input" | "output"): JsonSchema {
  const text = JSON.stringify(schema, (key, value) => {
    if (key === "$schema" || key === "$id") return undefined;
    if (io === "output" && key === "additionalProperties" && value === false) return undefined;
    const isLimit = key === "maximum" || key === "minimum";
    return isLimit && NO_LIMITS.includes(Math.abs(value)) ? undefined : asList(value);
  });
  return JSON.parse(text);
}

/** A tuple of equal things as a list of that length: makers of clients do not know `items: false`. */
function asList(value: unknown): unknown {
  const { prefixItems, ...rest } = (value ?? {}) as JsonSchema;
  if (!Array.isArray(prefixItems)) return value;
  const kinds = new Set(prefixItems.map((item) => JSON.stringify(item)));
  if (kinds.size !== 1) return value;
  return { ...rest, items: prefixItems[0], minItems: prefixItems.length, maxItems: prefixItems.length };
}

const NO_LIMITS = [Number.MAX_SAFE_INTEGER, Number.MAX_VALUE];

export type ParameterDoc = {
  name: string;
  in: "path" | "query" | "header";
  required: boolean;
  description?: string;
  schema?: JsonSchema;
  /** A value that is itself JSON. */
  content?: { "application/json": { schema: JsonSchema } };
};

/**
 * The parameters that an object schema of query or path values stands for, with the types they parse to. Lists of numbers
 * are text such as `0,1` (makers of clients disagree on lists in a query), lists of objects are JSON.
 */
export function parametersOf(schema: z.ZodObject, place: "path" | "query"): ParameterDoc[] {
  const json = clean(z.toJSONSchema(schema, { io: "output", unrepresentable: "any" }) as JsonSchema, "output");
  const required = new Set(json.required as string[] | undefined);
  return Object.entries(json.properties as Record<string, JsonSchema>).map(([name, property]) => {
    const { description, ...rest } = property;
    const wanted = place === "path" || (required.has(name) && rest.default === undefined);
    const doc: ParameterDoc = { name, in: place, required: wanted, ...formOf(rest) };
    return typeof description === "string" ? { ...doc, description } : doc;
  });
}

function formOf(schema: JsonSchema): Pick<ParameterDoc, "schema" | "content"> {
  if (schema.type !== "array") return { schema };
  const { items, minItems, default: numbers } = schema as { items: JsonSchema; minItems?: number; default?: number[] };
  if (items.type !== "integer" || minItems === undefined) return { content: { "application/json": { schema } } };
  const pattern = `^[0-9]+(,[0-9]+){${minItems - 1}}$`;
  return { schema: { type: "string", pattern, ...(numbers ? { default: numbers.join(",") } : {}) } };
}
