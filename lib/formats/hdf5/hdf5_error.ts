import { LoopscopeError, unprocessable } from "../../base/errors.ts";
import { displayName } from "../display_name.ts";

const FRAME = /^\s*#\d+: .*?: (.*)$/gm;
const ROOT_CAUSE = /\): (.+)$/;

/**
 * A failure of the HDF5 library as an answer, `hdf5_damaged`; the library's innermost message is kept.
 */
export function hdf5Error(cause: unknown, what: string): Error {
  // A TypeError is a fault of ours, never of the file.
  if (cause instanceof LoopscopeError || cause instanceof TypeError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const frames = [...text.matchAll(FRAME)].map((match) => ROOT_CAUSE.exec(match[0])?.[1] ?? match[1]);
  const reason = displayName((frames.at(-1) ?? text.split("\n")[0]).replace(/: time = .*/, ""));
  return unprocessable("hdf5_damaged", `${what} cannot be read, the file is damaged or cut off (${reason})`, { cause });
}
