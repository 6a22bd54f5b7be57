import { withTimeout } from "../../lib/base/timeouts.ts";
import type { StreamEvent } from "../../lib/service/services.ts";

export interface EventStreamOptions {
  /** Idle time after which a comment is sent, so that proxies do not close the stream. */
  heartbeatMs: number;
  /** Fires when the client has gone. */
  signal: AbortSignal;
}

/** `Last-Event-ID` as a number; 0 (all events) where it is absent or not one of ours. */
export function lastEventId(header: string | undefined): number {
  return header !== undefined && /^[0-9]{1,15}$/.test(header) ? Number(header) : 0;
}

/**
 * Events as server-sent events. Ends after `done`, when the source ends, or when the client has gone; the signal
 * of the source fires then. A client that does not read blocks only its own source.
 */
export function eventStream(
  open: (signal: AbortSignal) => AsyncGenerator<StreamEvent[]>,
  { heartbeatMs, signal }: EventStreamOptions,
): Response {
  const stopped = new AbortController();
  const source = open(AbortSignal.any([signal, stopped.signal]));
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<StreamEvent[]>> | undefined;
  const close = () => {
    stopped.abort();
    source.return(undefined).catch(() => {}); // not awaited: it waits for the step that the signal ends
  };
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode("retry: 2000\n\n")),
    async pull(controller) {
      if (!next) {
        next = source.next();
        next.catch(() => {}); // a failure after the client has gone is of no interest
      }
      const result = await withTimeout(next, heartbeatMs).catch(() => ({ done: true as const, value: undefined }));
      if (result === undefined) return controller.enqueue(encoder.encode(": still here\n\n"));
      next = undefined;
      if (!result.done) controller.enqueue(encoder.encode(result.value.map(eventText).join("")));
      if (result.done || result.value.at(-1)?.event === "done") {
        controller.close();
        close();
      }
    },
    cancel: close,
  });
  const headers = { "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no" };
  return new Response(body, { headers });
}

function eventText({ sequence, event, json }: StreamEvent): string {
  return `id: ${sequence}\nevent: ${event}\ndata: ${json}\n\n`;
}
