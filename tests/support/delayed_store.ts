import { createRandom } from "../../lib/base/random.ts";
import type { Store } from "../../lib/store/ports/store.ts";

const PORTS = ["blobs", "cubes", "jobs", "checkpoints", "models", "idempotency", "keys", "results", "uploads"] as const;
const LONGEST_MS = 3;

/**
 * The same store as if it were behind a network: every call of a port begins, and its result arrives, after a random
 * delay, so that calls that are made together interleave at every await. Seeded.
 */
export function delayedStore<S extends Store>(store: S, seed = 1): S {
  const random = createRandom(seed);
  const delay = () => new Promise((resolve) => setTimeout(resolve, random.uniform() * LONGEST_MS));
  const delayed = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          // A method that is no part of the port is for the test itself: it answers at once, as ever.
          if (!isAsync(value)) return value.apply(target, args);
          return delay().then(() => value.apply(target, args)).finally(delay);
        };
      },
    });
  return { ...store, ...Object.fromEntries(PORTS.map((name) => [name, delayed(store[name])])) };
}

const SYNCHRONOUS = new Set(["find", "list", "hold", "folderOf", "close", "settleImages"]);

/** Every method of a port returns a promise; the adapters' own methods beside them do not. */
function isAsync(method: { name: string; constructor: { name: string } }): boolean {
  return method.constructor.name === "AsyncFunction" || !SYNCHRONOUS.has(method.name);
}
