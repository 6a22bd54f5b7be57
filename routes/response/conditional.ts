import { createHash } from "node:crypto";
import { LoopscopeError } from "../../lib/base/errors.ts";
import type { AppContext } from "../context.ts";

/** A strong ETag from everything that identifies the response. */
export function tagOf(...pieces: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece).update("\0");
  return hash.digest("hex").slice(0, 32);
}

export type Freshness =
  /** The URL names one immutable resource for ever. */
  | "immutable"
  /** The content is immutable, but its URL (an alias) or labels may change: revalidate each time. */
  | "revalidate"
  /** The content changes, and its ETag with it. */
  | "changing";

/** Headers of a response with a strong ETag. */
export function cacheHeaders(tag: string, freshness: Freshness): Record<string, string> {
  return { "ETag": `"${tag}"`, "Cache-Control": `private, ${DIRECTIVES[freshness]}` };
}

const DIRECTIVES: Record<Freshness, string> = {
  immutable: "max-age=31536000, immutable",
  revalidate: "max-age=0, immutable",
  changing: "no-cache",
};

/** 304 where the client already has this version, otherwise undefined. */
export function notModified(c: AppContext, headers: Record<string, string>): Response | undefined {
  const header = c.req.header("if-none-match");
  if (!header) return undefined;
  const tags = header.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (!tags.includes("*") && !tags.includes(headers["ETag"])) return undefined;
  return new Response(null, { status: 304, headers: { ...headers, "Vary": "Accept" } });
}

/**
 * The precondition of a change (`If-Match`, RFC 9110, 13.1.1): the current tag if it is listed, otherwise the first
 * listed one, which then matches nothing. Undefined without the header or for `*`. Weak tags never match.
 */
export function ifMatchTag(c: AppContext, current: string): string | undefined {
  const header = c.req.header("if-match")?.trim();
  if (header === undefined || header === "*") return undefined;
  const tags = [...header.matchAll(/(W\/)?"([^"]*)"/g)].map(([whole, weak, tag]) => weak ? whole : tag);
  return tags.includes(current) ? current : tags[0] ?? header.slice(0, 100);
}

/** Throws `changed` (412) where `If-Match` does not name the current tag. */
export function requireUnchanged(c: AppContext, current: string): void {
  const given = ifMatchTag(c, current);
  if (given === undefined || given === current) return;
  const message = `If-Match is ${given}; expected the current ETag ${current}: read it again before changing it`;
  throw new LoopscopeError("precondition", "changed", message);
}
