import { formatBeat } from "./heartbeat.ts";

const BEAT_EVERY_MS = 1000;

/** The thread of `startHeartbeat`. Its message is the counter that the main thread advances. */
(self as unknown as Worker).onmessage = ({ data: ticks }: MessageEvent<Int32Array>) => {
  let [last, changedMs] = [0, performance.now()];
  setInterval(() => {
    const now = Atomics.load(ticks, 0);
    if (now !== last) [last, changedMs] = [now, performance.now()];
    Deno.stderr.writeSync(new TextEncoder().encode(formatBeat(performance.now() - changedMs)));
  }, BEAT_EVERY_MS);
};
