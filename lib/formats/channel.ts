import { unprocessable } from "../base/errors.ts";
import { displayList, displayName } from "./display_name.ts";

/** A parsed `channel` option: `field:out,cycle:0` as pairs (names in lower case), or one word such as `Current`. */
export interface Channel {
  pairs: Map<string, string>;
  word?: string;
}

export function parseChannel(text: string | undefined): Channel {
  const channel: Channel = { pairs: new Map() };
  for (const part of (text ?? "").split(",").map((piece) => piece.trim()).filter((piece) => piece !== "")) {
    const colon = part.lastIndexOf(":");
    if (colon < 0) channel.word = part;
    else channel.pairs.set(part.slice(0, colon).trim().toLowerCase(), part.slice(colon + 1).trim());
  }
  return channel;
}

/** Throws `channel_unknown` for a name that is none of `known`, which the message lists. */
export function checkChannelNames({ pairs, word }: Channel, known: readonly string[]): void {
  const names = known.map((name) => name.toLowerCase());
  const wrong = [...pairs.keys()].find((name) => !names.includes(name)) ?? word;
  if (wrong === undefined) return;
  const wanted = known.length > 0
    ? `expected pairs NAME:INDEX of ${displayList(known)}`
    : "this cube has nothing to choose";
  throw unprocessable("channel_unknown", `Found channel ${displayName(wrong)}, ${wanted}`);
}

/** The index that a channel gives for an axis of `length`, or undefined; throws `channel_index`. */
export function channelIndex({ pairs }: Channel, name: string, length: number): number | undefined {
  const text = pairs.get(name.toLowerCase());
  if (text === undefined) return undefined;
  if (text === "last") return length - 1;
  const index = Number(text);
  if (/^\d+$/.test(text) && index < length) return index;
  throw unprocessable(
    "channel_index",
    `Found ${displayName(name)}:${displayName(text)}; expected 0 to ${length - 1} or last`,
  );
}

/** A channel text without the pairs of these names, and those alone. */
export function withoutNames(text: string | undefined, names: readonly string[]): { rest: string; own: string } {
  const parts = (text ?? "").split(",");
  const isOwn = (part: string) => names.includes(part.slice(0, part.lastIndexOf(":")).trim().toLowerCase());
  return { rest: parts.filter((part) => !isOwn(part)).join(","), own: parts.filter(isOwn).join(",") };
}
