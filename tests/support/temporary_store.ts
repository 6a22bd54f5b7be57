import type { Clock } from "../../lib/base/clock.ts";
import { type EmbeddedStore, openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";

export interface TestClock extends Clock {
  passMs(ms: number): void;
}

/** A clock that stands still unless it is told otherwise. */
export function testClock(startMs = Date.UTC(2026, 0, 1)): TestClock {
  let nowMs = startMs;
  return { nowMs: () => nowMs, passMs: (ms) => void (nowMs += ms) };
}

/** A store in a new temporary folder, removed when it is disposed. */
export async function temporaryStore(
  options: { clock?: Clock; zooPath?: string; resultBytes?: number } = {},
): Promise<EmbeddedStore & AsyncDisposable> {
  const root = await Deno.makeTempDir({ prefix: "loopscope-store-" });
  const store = await openEmbeddedStore({ root, zooPath: `${root}/no-zoo`, ...options });
  return {
    ...store,
    async [Symbol.asyncDispose]() {
      await store.close();
      await Deno.remove(root, { recursive: true });
    },
  };
}
