import { joinBytes } from "../../lib/base/join_bytes.ts";
import type { Yield } from "../../lib/base/scheduler.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * All bytes of a body of at most `maxBytes`; a larger body is returned as a stream of the whole, of which little more
 * than `maxBytes` has been read.
 */
export async function readSmallBody(
  body: ReadableStream<Bytes> | null,
  { maxBytes, yieldTurn }: { maxBytes: number; yieldTurn: Yield },
): Promise<Bytes | ReadableStream<Bytes>> {
  if (body === null) return new Uint8Array(0);
  const reader = body.getReader();
  const taken: Bytes[] = [];
  let bytes = 0;
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    taken.push(chunk.value);
    bytes += chunk.value.length;
    if (bytes > maxBytes) return goOn(taken, reader);
    await yieldTurn(); // to other requests
  }
  return joinBytes(taken);
}

function goOn(taken: Bytes[], reader: ReadableStreamDefaultReader<Bytes>): ReadableStream<Bytes> {
  return new ReadableStream<Bytes>({
    async pull(controller) {
      const { done, value } = taken.length > 0 ? { done: false, value: taken.shift() } : await reader.read();
      if (done) controller.close();
      else controller.enqueue(value!);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}
