import { type Clock, systemClock, toTimestamp } from "./clock.ts";

/** Structured log: one JSON object a line. */
export interface Log {
  info(event: string, fields?: Record<string, unknown>): void;
  warn(event: string, fields?: Record<string, unknown>): void;
  error(event: string, fields?: Record<string, unknown>): void;
}

/** `write` gets each line without its line break. */
export function createLog(write: (line: string) => void, clock: Clock = systemClock): Log {
  const at = (level: string) => (event: string, fields: Record<string, unknown> = {}) =>
    write(JSON.stringify({ time: toTimestamp(clock.nowMs()), level, event, ...fields }));
  return { info: at("info"), warn: at("warn"), error: at("error") };
}
