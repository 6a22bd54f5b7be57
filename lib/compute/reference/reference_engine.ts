import type { Engine } from "../engine.ts";
import { ReferenceSession } from "./reference_session.ts";

/** The oracle: plain TypeScript, float64 arithmetic, one thread; slow, and the place to learn the algorithm. */
export function openReferenceEngine(): Engine {
  return {
    name: "reference",
    device: "JavaScript, float64",
    threads: 1,
    open: (network, state, options = {}) => Promise.resolve().then(() => new ReferenceSession(network, state, options)),
    close: () => Promise.resolve(),
  };
}
