import { setImmediate } from "node:timers";
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

/**
 * Gathers lines and writes those of one round of the event loop together: a write each costs more than many an answer.
 * `flush` writes at once, for the end of the process.
 */
export function gatherLines(write: (lines: string) => void): { add(line: string): void; flush(): void } {
  let gathered: string[] = [];
  const flush = () => {
    const lines = gathered;
    gathered = [];
    if (lines.length > 0) write(lines.join("\n"));
  };
  return { add: (line) => void (gathered.push(line) === 1 && setImmediate(flush)), flush };
}
