import type { Clock } from "./clock.ts";
import { toTimestamp } from "./clock.ts";

export type LogLevel = "info" | "warn" | "error";

/** One event with its fields; never a secret, never a body. */
export type Log = (level: LogLevel, event: string, fields?: Record<string, unknown>) => void;

/** Structured log: one JSON object a line with `time`, `level`, `event`. Errors are written with their stack. */
export function createJsonLog(write: (line: string) => void, clock: Clock): Log {
  return (level, event, fields = {}) =>
    write(JSON.stringify({ time: toTimestamp(clock.nowMs()), level, event, ...fields }, describeError));
}

function describeError(_key: string, value: unknown): unknown {
  return value instanceof Error ? { name: value.name, message: value.message, stack: value.stack } : value;
}
