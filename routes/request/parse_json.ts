import { LoopscopeError, malformed } from "../../lib/base/errors.ts";
import { createScheduler, type Yield } from "../../lib/base/scheduler.ts";
import { parseJsonSteps } from "./incremental_json.ts";

export interface JsonLimits {
  maxDepth: number;
  /** Lists and objects together: each takes far more memory than its two brackets. */
  maxContainers: number;
  /** Elements of all lists together. */
  maxValues: number;
  /** Members of all objects together: names take far more time than numbers. */
  maxMembers: number;
  maxStringBytes: number;
}

const JSON_LIMITS: JsonLimits = {
  maxDepth: 32,
  maxContainers: 150_000, // as many as all values in patches of 8 x 8 have
  maxValues: 2 ** 20 + 20_000, // an image of 2^20 pixels, and a spectral axis beside it
  maxMembers: 10_000,
  maxStringBytes: 2 ** 20,
};
const [QUOTE, BACKSLASH, COMMA, COLON, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [
  ...new TextEncoder().encode('"\\,:[]{}'),
];
const STEP_BYTES = 65_536;

/**
 * Parses JSON from bytes, after checking its depth and the number of its parts against the limits. Yields to other work
 * while it parses a large text.
 */
export async function parseJson(
  bytes: Uint8Array,
  yieldTurn: Yield = createScheduler(),
  limits = JSON_LIMITS,
): Promise<unknown> {
  await inSteps(checkShapeSteps(bytes, limits), yieldTurn);
  const text = decode(bytes);
  try {
    return bytes.length <= STEP_BYTES ? JSON.parse(text) : await inSteps(parseJsonSteps(text), yieldTurn);
  } catch (cause) {
    throw malformed("invalid_json", `Received a body that is not JSON: ${(cause as Error).message}`, { cause });
  }
}

async function inSteps<T>(steps: Generator<void, T>, yieldTurn: Yield): Promise<T> {
  let step = steps.next();
  for (; !step.done; step = steps.next()) await yieldTurn();
  return step.value;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw malformed("invalid_utf8", "Received bytes that are not UTF-8; expected JSON in UTF-8", { cause });
  }
}

/** Throws `json_too_deep` or `json_too_complex` without building anything. */
function* checkShapeSteps(bytes: Uint8Array, limits: JsonLimits): Generator<void, void> {
  let depth = 0, containers = 0, separators = 0, members = 0;
  let pauseAt = STEP_BYTES;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      const start = i;
      i = endOfString(bytes, start);
      if (i - start > limits.maxStringBytes) throw tooComplex(limits.maxStringBytes, "bytes in a string");
    } else if (byte === COMMA) {
      if (++separators > limits.maxValues) throw tooComplex(limits.maxValues, "values");
    } else if (byte === COLON) {
      if (++members > limits.maxMembers) throw tooComplex(limits.maxMembers, "names in objects");
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (++depth > limits.maxDepth) {
        throw malformed("json_too_deep", `Received JSON deeper than ${limits.maxDepth}; expected less`);
      }
      if (++containers > limits.maxContainers) throw tooComplex(limits.maxContainers, "lists and objects");
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
    if (i >= pauseAt) {
      pauseAt = i + STEP_BYTES;
      yield;
    }
  }
}

function tooComplex(most: number, what: string): LoopscopeError {
  const message = `Received more than ${most} ${what}; expected fewer: send many numbers as NPY`;
  return new LoopscopeError("tooLarge", "json_too_complex", message);
}

/** Index of the closing quote of the string that starts at `start`, or the end of the bytes. */
function endOfString(bytes: Uint8Array, start: number): number {
  let i = start + 1;
  while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}
