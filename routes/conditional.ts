import { createHash } from "node:crypto";
import type { AppContext } from "./context.ts";

/** A strong tag from whatever identifies the answer. */
export function tagOf(...pieces: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece).update("\0");
  return hash.digest("hex").slice(0, 32);
}

export type Freshness =
  /** The URL names one immutable thing for ever. */
  | "immutable"
  /** The thing is immutable in substance, but its URL (an alias) or its labels may change: ask again each time. */
  | "revalidate";

/** Headers of an answer with a strong tag. */
export function cacheHeaders(tag: string, freshness: Freshness): Record<string, string> {
  const age = freshness === "immutable" ? "max-age=31536000, immutable" : "max-age=0, immutable";
  return { "ETag": `"${tag}"`, "Cache-Control": `private, ${age}` };
}

/** 304 where the client has this version already, else undefined. */
export function notModified(c: AppContext, headers: Record<string, string>): Response | undefined {
  const wanted = c.req.header("if-none-match");
  if (!wanted) return undefined;
  const tags = wanted.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (!tags.includes("*") && !tags.includes(headers["ETag"])) return undefined;
  return new Response(null, { status: 304, headers: { ...headers, "Vary": "Accept" } });
}
