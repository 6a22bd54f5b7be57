import { createHash } from "node:crypto";
import { LoopscopeError } from "../../lib/base/errors.ts";
import type { AppContext } from "../context.ts";

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
  | "revalidate"
  /** The thing itself changes, and its tag with it. */
  | "changing";

/** Headers of an answer with a strong tag. */
export function cacheHeaders(tag: string, freshness: Freshness): Record<string, string> {
  return { "ETag": `"${tag}"`, "Cache-Control": `private, ${DIRECTIVES[freshness]}` };
}

const DIRECTIVES: Record<Freshness, string> = {
  immutable: "max-age=31536000, immutable",
  revalidate: "max-age=0, immutable",
  changing: "no-cache",
};

/** 304 where the client has this version already, else undefined. */
export function notModified(c: AppContext, headers: Record<string, string>): Response | undefined {
  const wanted = c.req.header("if-none-match");
  if (!wanted) return undefined;
  const tags = wanted.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (!tags.includes("*") && !tags.includes(headers["ETag"])) return undefined;
  return new Response(null, { status: 304, headers: { ...headers, "Vary": "Accept" } });
}

/**
 * What a change must find unchanged (`If-Match`, RFC 9110, 13.1.1): the current tag where it is among those given, else
 * the first of them, which then fits nothing. Undefined where anything will do: no header, or `*`. Weak tags never fit.
 */
export function ifMatchTag(c: AppContext, current: string): string | undefined {
  const header = c.req.header("if-match")?.trim();
  if (header === undefined || header === "*") return undefined;
  const tags = [...header.matchAll(/(W\/)?"([^"]*)"/g)].map(([whole, weak, tag]) => weak ? whole : tag);
  return tags.includes(current) ? current : tags[0] ?? header.slice(0, 100);
}

/** Throws `changed` (412) unless the thing is as the caller has seen it. */
export function requireUnchanged(c: AppContext, current: string): void {
  const wanted = ifMatchTag(c, current);
  if (wanted === undefined || wanted === current) return;
  const message = `If-Match is ${wanted}, the ETag is ${current}: look at it again before you change it`;
  throw new LoopscopeError("precondition", "changed", message);
}
