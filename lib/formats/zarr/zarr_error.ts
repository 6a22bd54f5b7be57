import { type LoopscopeError, unprocessable } from "../../base/errors.ts";
import { displayName } from "../display_name.ts";

export function zarrError(met: string, code = "zarr_malformed"): LoopscopeError {
  return unprocessable(code, `The Zarr archive cannot be read: found ${displayName(met)}`);
}
