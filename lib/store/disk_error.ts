import { LoopscopeError } from "../base/errors.ts";

/** Whether the disk (or the quota on it) refused to hold more: ENOSPC or EDQUOT. */
export function isDiskFull(error: unknown): boolean {
  if (error instanceof LoopscopeError) return error.code === "disk_full";
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  return code === "ENOSPC" || code === "EDQUOT" || /os error (28|122)\b|database or disk is full/.test(error.message);
}

/** The error as the domain sees it: a full disk becomes `disk_full`, everything else passes unchanged. */
export function asStoreError(error: unknown): unknown {
  if (!isDiskFull(error) || error instanceof LoopscopeError) return error;
  return new LoopscopeError("unavailable", "disk_full", "The disk is full, nothing was kept", {
    cause: error,
    retryAfterS: 60,
  });
}

/** Runs a disk operation with a full disk reported as `disk_full` (unavailable). */
export function onDisk<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw asStoreError(error);
  }
}
