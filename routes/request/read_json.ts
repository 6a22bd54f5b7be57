import { LoopscopeError } from "../../lib/base/errors.ts";
import type { AppSettings } from "../app_settings.ts";
import type { AppContext } from "../context.ts";
import { parseJson } from "./parse_json.ts";
import { bodyBytes, mediaTypeOf } from "./request_body.ts";

/** Parses the request's JSON body, without checking it against a schema. */
export async function readJson(c: AppContext, settings: AppSettings): Promise<unknown> {
  requireType(c, /^application\/([a-z0-9.-]+\+)?json$/, "application/json");
  return await parseJson(await bodyBytes(c, settings), c.get("yieldTurn"));
}

/** Throws `unsupported_media_type` (415) unless the body's type matches. */
export function requireType(c: AppContext, expected: RegExp, inWords: string): void {
  const received = mediaTypeOf(c);
  if (expected.test(received)) return;
  const message = `Received Content-Type ${received || "(none)"}; expected ${inWords}`;
  throw new LoopscopeError("unsupportedType", "unsupported_media_type", message);
}
