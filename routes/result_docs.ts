import type { ComponentName } from "../lib/schemas/openapi.ts";
import { type ContentDoc, ref } from "./declare.ts";

const BINARY = { type: "string", format: "binary" };

export const NOT_MODIFIED = { description: "The client has it already" };

/** A file as the body, or as a form's field `file`. */
export const FILE_BODY: Record<string, ContentDoc> = {
  "application/octet-stream": { schema: BINARY },
  "multipart/form-data": { schema: { type: "object", required: ["file"], properties: { file: BINARY } } },
};

/** 200 with a result in all its forms. */
export function arrayAnswers(description: string, name: ComponentName) {
  const content: Record<string, ContentDoc> = {
    "application/json": { schema: ref(name) },
    "application/x-npy": { schema: BINARY },
    "application/x-npz": { schema: BINARY },
    "application/octet-stream": { schema: BINARY },
  };
  return { 200: { description, content }, 304: NOT_MODIFIED };
}

/** As `arrayAnswers`, or 202 with the job that computes the result. */
export function resultAnswers(description: string, name: ComponentName) {
  const pending = {
    description: "On its way: the job that computes it",
    content: { "application/json": { schema: ref("Job") } },
  };
  return { ...arrayAnswers(description, name), 202: pending };
}

export const PREFER_HEADER = {
  name: "Prefer",
  description: "`wait=N` waits up to N seconds for the result",
  schema: { type: "string" },
};
