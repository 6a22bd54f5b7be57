import { CONTROL } from "./thread_pool.ts";
import type { ThreadStart } from "./thread_pool.ts";

/** Entry of a worker thread: sleeps on the wake word, runs the program that the control block names, and again. */
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ThreadStart>) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
};

scope.onmessage = ({ data: { module, memory, control, thread } }) => {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const run = exports.run as (
    control: number,
    program: number,
    threads: number,
    scratch: number,
    steps: number,
  ) => void;
  // The control block never moves and lies in the first pages, so this view outlives any growth.
  const words = new Int32Array(memory.buffer, control, CONTROL.words);
  let seen = Atomics.load(words, CONTROL.wake);
  scope.postMessage("ready");
  while (true) {
    Atomics.wait(words, CONTROL.wake, seen);
    seen = Atomics.load(words, CONTROL.wake);
    if (Atomics.load(words, CONTROL.quit) !== 0) break;
    const scratch = words[CONTROL.scratch] + thread * words[CONTROL.scratchBytes];
    run(control, words[CONTROL.program], words[CONTROL.threads], scratch, words[CONTROL.steps]);
  }
  scope.close();
};
