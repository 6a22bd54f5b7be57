/** A header of an answer, as OpenAPI has it. */
interface HeaderDoc {
  description: string;
  schema: Record<string, unknown>;
  required?: boolean;
}

const text = { type: "string" };
const bytes = { type: "integer", minimum: 0 };

/** Every header that answers may have and programs read. */
export const HEADER_DOCS = {
  "X-Request-Id": { description: "The caller's own or a new one; it stands in the log", schema: text, required: true },
  "ETag": { description: "Strong tag of this answer", schema: text, required: true },
  "Cache-Control": { description: "`immutable` where it never changes", schema: text, required: true },
  "Location": { description: "Where it is now", schema: { type: "string", format: "uri-reference" }, required: true },
  "Retry-After": { description: "Seconds", schema: { type: "integer", minimum: 1 }, required: true },
  "WWW-Authenticate": { description: "How to say who you are", schema: text, required: true },
  "Preference-Applied": { description: "What was kept of `Prefer`", schema: text },
  "Idempotency-Replayed": { description: "`true`: the first answer again", schema: { type: "string", const: "true" } },
  "X-Shape": { description: "Of raw numbers: `60,60`", schema: { type: "string", pattern: "^[0-9]+(,[0-9]+)*$" } },
  "X-Dtype": { description: "Of raw numbers", schema: { type: "string", const: "float32" } },
  "Content-Disposition": { description: "A name for the file", schema: text, required: true },
  "Content-Location": { description: "The cube that the upload has become", schema: text },
  "Tus-Resumable": {
    description: "The protocol's version",
    schema: { type: "string", const: "1.0.0" },
    required: true,
  },
  "Upload-Offset": { description: "Bytes that are there", schema: bytes, required: true },
  "Upload-Length": { description: "Bytes of the whole file", schema: bytes, required: true },
  "Upload-Expires": { description: "When an unfinished upload is removed", schema: text, required: true },
} satisfies Record<string, HeaderDoc>;

export type HeaderName = keyof typeof HEADER_DOCS;

/** References to headers that are described once, under `components`. */
export function headerRefs(names: readonly HeaderName[]): Record<string, { $ref: string }> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
