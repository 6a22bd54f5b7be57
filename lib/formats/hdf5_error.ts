import { LoopscopeError, unprocessable } from "../base/errors.ts";
import { displayName } from "./display_name.ts";

const FRAME = /^\s*#\d+: .*?: (.*)$/gm;
const ROOT_CAUSE = /\): (.+)$/;

/**
 * A failure of the HDF5 library as an answer: `hdf5_damaged`, or `hdf5_filter` where the file needs a compression
 * that is not read. The library's innermost message is kept.
 */
export function hdf5Error(cause: unknown, what: string): LoopscopeError {
  if (cause instanceof LoopscopeError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const frames = [...text.matchAll(FRAME)].map((match) => ROOT_CAUSE.exec(match[0])?.[1] ?? match[1]);
  const reason = displayName(frames.at(-1) ?? text.split("\n")[0]);
  if (/filter/i.test(reason) && /not registered|not available|could not find|plugin/i.test(text)) {
    const advice = "write it again with gzip, for example: h5repack -f GZIP=4 IN OUT";
    return unprocessable("hdf5_filter", `${what} is compressed in a way that is not read (${reason}): ${advice}`, {
      cause,
    });
  }
  return unprocessable("hdf5_damaged", `${what} cannot be read, the file is damaged or cut off (${reason})`, { cause });
}
