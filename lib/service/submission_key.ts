import { createHash } from "node:crypto";
import type { Caller } from "./services.ts";

/**
 * What a submission with an `Idempotency-Key` is known by in its record: the stored answer may be lost with the process, the
 * record is not. Undefined without a key.
 */
export function submissionKey({ id, idempotencyKey }: Caller, request: unknown): string | undefined {
  if (idempotencyKey === undefined) return undefined;
  const text = JSON.stringify([id, idempotencyKey, request]);
  return `submission:${createHash("sha256").update(text).digest("hex")}`;
}
