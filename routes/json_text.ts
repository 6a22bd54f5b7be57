import { LoopscopeError, malformed } from "../lib/base/errors.ts";

export interface JsonLimits {
  maxDepth: number;
  /** Lists and objects together: each costs far more memory than its two brackets. */
  maxContainers: number;
}

const JSON_LIMITS: JsonLimits = { maxDepth: 32, maxContainers: 500_000 };
const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [34, 92, 91, 93, 123, 125];

/** Parses JSON from bytes after its depth and number of lists were found to be within bounds. */
export function parseJson(bytes: Uint8Array, limits: JsonLimits = JSON_LIMITS): unknown {
  checkJsonShape(bytes, limits);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw malformed("invalid_utf8", "Met bytes that are not UTF-8, wanted JSON in UTF-8", { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed("invalid_json", `Met a body that is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** Throws `json_too_deep` or `json_too_complex` without building anything. */
export function checkJsonShape(bytes: Uint8Array, { maxDepth, maxContainers }: JsonLimits): void {
  let depth = 0;
  let containers = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) i = endOfString(bytes, i);
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (++depth > maxDepth) throw malformed("json_too_deep", `Met JSON deeper than ${maxDepth}, wanted less`);
      if (++containers > maxContainers) {
        const advice = "send numbers as one flat list or in binary form";
        const message = `Met more than ${maxContainers} lists and objects, wanted fewer: ${advice}`;
        throw new LoopscopeError("tooLarge", "json_too_complex", message);
      }
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
  }
}

/** Index of the closing quote of the string that starts at `start`, or the end of the bytes. */
function endOfString(bytes: Uint8Array, start: number): number {
  let i = start + 1;
  while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}
