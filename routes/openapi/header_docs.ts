/** A response header in OpenAPI. */
interface HeaderDoc {
  description: string;
  schema: Record<string, unknown>;
  required?: boolean;
}

const text = { type: "string" };
const bytes = { type: "integer", minimum: 0 };

/** Every response header that programs read. */
export const HEADER_DOCS = {
  "X-Request-Id": {
    description: "The id of the request in the log: the caller's own or a new one",
    schema: text,
    required: true,
  },
  "ETag": { description: "Strong ETag of this response", schema: text, required: true },
  "Cache-Control": { description: "`immutable` where it never changes", schema: text, required: true },
  "Location": {
    description: "URL of the new resource",
    schema: { type: "string", format: "uri-reference" },
    required: true,
  },
  "Retry-After": { description: "Seconds", schema: { type: "integer", minimum: 1 }, required: true },
  "WWW-Authenticate": { description: "How to authenticate", schema: text, required: true },
  "Preference-Applied": { description: "The part of `Prefer` that was applied", schema: text },
  "Idempotency-Replayed": {
    description: "`true` where this is the first response again",
    schema: { type: "string", const: "true" },
  },
  "X-Shape": { description: "Shape of raw values: `60,60`", schema: { type: "string", pattern: "^[0-9]+(,[0-9]+)*$" } },
  "X-Dtype": { description: "Data type of raw values", schema: { type: "string", const: "float32" } },
  "Content-Disposition": { description: "A file name", schema: text, required: true },
  "Accept-Ranges": { description: "`bytes`: parts can be asked for", schema: { type: "string", const: "bytes" } },
  "Content-Range": { description: "Which bytes: `bytes 0-1023/4096`", schema: text, required: true },
  "Content-Location": { description: "The cube that the upload has become", schema: text },
  "Tus-Resumable": {
    description: "The protocol's version",
    schema: { type: "string", const: "1.0.0" },
    required: true,
  },
  "Upload-Offset": { description: "Bytes received so far", schema: bytes, required: true },
  "Upload-Length": { description: "Bytes of the whole file", schema: bytes, required: true },
  "Upload-Expires": { description: "When an unfinished upload is removed", schema: text, required: true },
} satisfies Record<string, HeaderDoc>;

export type HeaderName = keyof typeof HEADER_DOCS;

/** References to headers, which are described once under `components`. */
export function headerRefs(names: readonly HeaderName[]): Record<string, { $ref: string }> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
