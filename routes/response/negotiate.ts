import { LoopscopeError } from "../../lib/base/errors.ts";

/** Quoted values may contain commas and semicolons and do not matter here. An unclosed quote runs to the end. */
const QUOTED = /"(?:[^"\\]|\\.)*(?:"|\\?$)/g;

/**
 * The offered media type that the `Accept` header prefers (RFC 9110, 12.5.1); the first where there is no header.
 * Throws `not_acceptable` (406) where none of them is accepted.
 */
export function negotiate<T extends string>(accept: string | undefined | null, offers: readonly T[]): T {
  if (!accept?.trim()) return offers[0];
  const ranges = accept.replace(QUOTED, "").split(",").slice(0, 50).map(parseRange);
  let best: T | undefined;
  let bestQuality = 0;
  for (const offer of offers) {
    const quality = qualityOf(offer, ranges);
    if (quality > bestQuality) [best, bestQuality] = [offer, quality];
  }
  if (best) return best;
  const message = `Received Accept: ${accept.slice(0, 100)}; expected one of ${offers.join(", ")}`;
  throw new LoopscopeError("notAcceptable", "not_acceptable", message);
}

interface Range {
  type: string;
  quality: number;
}

function parseRange(text: string): Range {
  const [type, ...parameters] = text.split(";").map((piece) => piece.trim().toLowerCase());
  const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  const value = quality === undefined ? 1 : Number(quality);
  return { type, quality: value >= 0 && value <= 1 ? value : 0 };
}

/** The quality that the most specific matching range gives. */
function qualityOf(offer: string, ranges: Range[]): number {
  const group = `${offer.split("/")[0]}/*`;
  for (const type of [offer, group, "*/*"]) {
    const range = ranges.find((candidate) => candidate.type === type);
    if (range) return range.quality;
  }
  return 0;
}
