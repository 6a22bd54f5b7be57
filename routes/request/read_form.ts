import type { AppSettings } from "../app_settings.ts";
import type { AppContext } from "../context.ts";
import { boundaryOf, type Part, readMultipart } from "./multipart.ts";
import { bodyStream } from "./request_body.ts";

/** The parts of the request's form as they arrive; see `readMultipart`. */
export async function* readForm(c: AppContext, settings: AppSettings, maxBytes: number): AsyncGenerator<Part> {
  const seen = c.get("formSeen");
  const boundary = boundaryOf(c.req.header("content-type") ?? "");
  yield* readMultipart(bodyStream(c, settings, maxBytes), boundary, { observe: seen });
  seen?.(undefined);
}
