import type { ByteFile } from "../byte_file.ts";

const WINDOW_BYTES = 2 ** 20;
/** A header of 65536 numbers fits. */
const MAX_LINE = 2 ** 22;

/** Whether these bytes begin a text: UTF-8, Latin-1 or, with its mark, UTF-16. */
export function isText(first: Uint8Array): boolean {
  if (encodingOf(first).startsWith("utf-16")) return true;
  return first.length > 0 && first.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13);
}

/** The text's encoding: by its mark, else UTF-8 where the beginning is that, else Latin-1. */
export function encodingOf(first: Uint8Array): string {
  if (first[0] === 0xff && first[1] === 0xfe) return "utf-16le";
  if (first[0] === 0xfe && first[1] === 0xff) return "utf-16be";
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(first, { stream: true });
    return "utf-8";
  } catch {
    return "latin1";
  }
}

/** The lines of a text file, without their ends, some at a time in memory. Undefined for a line that is too long to be one. */
export function* textLines(file: ByteFile, encoding: string): Generator<string | undefined> {
  const decoder = new TextDecoder(encoding);
  let rest = "";
  for (let at = 0; at < file.sizeBytes; at += WINDOW_BYTES) {
    const last = at + WINDOW_BYTES >= file.sizeBytes;
    const lines = (rest + decoder.decode(file.read(at, WINDOW_BYTES), { stream: !last })).split(/\r\n|\n|\r/);
    rest = lines.pop()!;
    yield* lines;
    if (rest.length > MAX_LINE) return void (yield undefined);
  }
  if (rest !== "") yield rest;
}
