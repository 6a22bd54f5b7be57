import type { z } from "@hono/zod-openapi";
import { type FieldIssue, LoopscopeError } from "../../lib/base/errors.ts";

const MAX_ISSUES = 20;
const SHOWN_CHARACTERS = 60;

/**
 * Checks a value against a schema and returns it parsed. Throws `invalid_PART` (422), whose issues name the value
 * received and what was expected; `part` is `query`, `body` or `path`.
 */
export function check<S extends z.ZodType>(schema: S, value: unknown, part: string): z.output<S> {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, MAX_ISSUES).flatMap(toFieldIssues).slice(0, MAX_ISSUES);
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  const first = issues[0].path ? `${issues[0].path}: ${issues[0].message}` : issues[0].message;
  throw new LoopscopeError("unprocessable", `invalid_${part}`, `Invalid ${part}: ${first}${more}`, { issues });
}

function toFieldIssues(issue: z.core.$ZodIssue): FieldIssue[] {
  const path = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: path ? `${path}.${key}` : key,
      message: "received a name that is not known here",
    }));
  }
  const expected = issue.message.replace(/^Invalid input: expected (.*?)(, received \w+)?$/, "expected $1")
    .replace(/^Too (small|big): expected \w+ to (be|have) /, "expected ")
    .replace(/^Invalid option: expected /, "expected ")
    .replace(/^expected nonoptional$/, "expected a value");
  return [{ path, message: `received ${show(issue.input)}; ${expected}` }];
}

/** A value for an error detail: short, on one line. Of a large value only the beginning is read. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  let left = SHOWN_CHARACTERS;
  const text = JSON.stringify(value, (_name, part) => {
    if (left-- <= 0) return undefined;
    return typeof part === "string" || Array.isArray(part) ? part.slice(0, SHOWN_CHARACTERS + 1) : part;
  }) ?? typeof value;
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS - 3)}…` : text;
}
