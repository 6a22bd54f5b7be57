/** Begins a line of a process's standard error that is a heartbeat and no message; what follows is `silentMs`. */
const BEAT = "\0beat ";
const TICK_MS = 500;

/**
 * Has a thread of this process write a heartbeat to standard error each second. Work on the main thread does not delay it,
 * so it stops only where the whole process does. Each beat says how long the main thread has been silent.
 */
export function startHeartbeat(): void {
  const ticks = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(new URL("./heartbeat_thread.ts", import.meta.url), { type: "module" });
  thread.postMessage(ticks);
  Deno.unrefTimer(setInterval(() => Atomics.add(ticks, 0, 1), TICK_MS));
}

export function formatBeat(silentMs: number): string {
  return `${BEAT}${Math.round(silentMs)}\n`;
}

/** How long the main thread was silent, where the line is a heartbeat. */
export function parseBeat(line: string): number | undefined {
  return line.startsWith(BEAT) ? Number(line.slice(BEAT.length)) : undefined;
}
