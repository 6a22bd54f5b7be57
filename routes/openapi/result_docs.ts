import type { ComponentName } from "../../lib/schemas/openapi.ts";
import { ref } from "./declare_route.ts";
import type { ContentDoc, ResponseDoc } from "./describe_route.ts";

const BINARY = { type: "string", format: "binary" };

export const NOT_MODIFIED = { description: "The client already has it" };

/** Headers of a request for a part of a file. */
export const RANGE_HEADERS = [
  { name: "Range", description: "One range of bytes, such as `bytes=0-1023`", schema: { type: "string" } },
  { name: "If-Range", description: "The ETag that the range is of; else the whole comes", schema: { type: "string" } },
];

/** 200 with a file of one of these types, 206 with a part of it, 304. */
export function fileResponses(description: string, types: readonly string[]): Record<number, ResponseDoc> {
  const content = Object.fromEntries(types.map((type) => [type, { schema: BINARY }]));
  return {
    200: { description, content, headers: ["Content-Disposition", "Accept-Ranges"] },
    206: {
      description: "The range",
      content,
      headers: ["Content-Range", "Accept-Ranges", "Content-Disposition", "ETag", "Cache-Control"],
    },
    304: NOT_MODIFIED,
  };
}

/** A file as the body, or in the form field `file`. */
export const FILE_BODY: Record<string, ContentDoc> = {
  "application/octet-stream": { schema: BINARY },
  "multipart/form-data": { schema: { type: "object", required: ["file"], properties: { file: BINARY } } },
};

/** 200 with a result in every format. */
export function arrayResponses(description: string, name: ComponentName) {
  const content: Record<string, ContentDoc> = {
    "application/json": { schema: ref(name) },
    "application/x-npy": { schema: BINARY },
    "application/x-npz": { schema: BINARY },
    "application/octet-stream": { schema: BINARY },
    "application/x-hdf5": { schema: BINARY },
    "text/csv": { schema: { type: "string" } },
  };
  const response: ResponseDoc = { description, content, headers: ["X-Shape", "X-Dtype"] };
  return { 200: response, 304: NOT_MODIFIED };
}

/** Like `arrayResponses`, or 202 with the job that computes the result. */
export function resultResponses(description: string, name: ComponentName) {
  const pending: ResponseDoc = {
    headers: ["Retry-After", "Preference-Applied", "Cache-Control"],
    description: "Not ready: the job that computes it",
    content: { "application/json": { schema: ref("Job") } },
  };
  const { 200: ready, 304: unchanged } = arrayResponses(description, name);
  return {
    200: { ...ready, headers: [...ready.headers ?? [], "Preference-Applied"] },
    202: pending,
    304: unchanged,
  } as {
    [status: number]: ResponseDoc;
  };
}

export const PREFER_HEADER = {
  name: "Prefer",
  description: "`wait=N` waits up to N seconds for the result",
  schema: { type: "string" },
};
