import type { Log } from "./log.ts";

/**
 * The log for a person at a terminal: warnings and errors in words, one line each. What is of interest only to a program,
 * requests above all, is left out; `LOOPSCOPE_LOG=json` shows it.
 */
export function createTextLog(write: (line: string) => void): Log {
  const line = (level: string) => (event: string, fields: Record<string, unknown> = {}) => {
    const details = Object.entries(fields).filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
    write([`${level}: ${event.replaceAll("_", " ")}`, ...details].join("; ").replaceAll(/\s*\n\s*/g, " "));
  };
  return { info() {}, warn: line("warning"), error: line("error") };
}
