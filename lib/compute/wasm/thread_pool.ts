import { SharedHeap } from "./shared_heap.ts";

/** Words of the control block; the first four belong to the barrier (kernels/program.ts). */
export const CONTROL = { program: 4, steps: 5, wake: 6, quit: 7, threads: 8, scratch: 9, scratchBytes: 10, words: 16 };

/** What a worker thread gets before its first program. */
export interface ThreadStart {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  control: number;
  thread: number;
}

type Run = (control: number, program: number, threads: number, scratch: number, steps: number) => void;

/**
 * The caller's thread and `threads - 1` workers over one memory. A program is one call for each thread; the calling
 * thread is blocked until it is done.
 */
export class ThreadPool {
  private scratchBytes = 0;
  private closed = false;

  private constructor(
    readonly heap: SharedHeap,
    readonly threads: number,
    private readonly runHere: Run,
    private readonly control: number,
    private readonly workers: readonly Worker[],
  ) {}

  /** Resolves when all threads wait for work. Without SharedArrayBuffer or Worker there is one thread. */
  static async open(module: WebAssembly.Module, threads: number): Promise<ThreadPool> {
    const heap = new SharedHeap(true);
    const { exports } = new WebAssembly.Instance(module, { env: { memory: heap.memory } });
    const control = heap.allocate(4 * CONTROL.words);
    const workers = await Promise.all(
      Array.from(
        { length: threads - 1 },
        (_, i) => startThread({ module, memory: heap.memory, control, thread: i + 1 }),
      ),
    );
    return new ThreadPool(heap, threads, exports.run as Run, control, workers);
  }

  /** Makes sure that each thread has this many bytes of its own. */
  reserveScratch(bytes: number): void {
    if (bytes <= this.scratchBytes) return;
    const words = this.words();
    if (this.scratchBytes > 0) this.heap.release(words[CONTROL.scratch]);
    // Half a page apart from a multiple of the page, so that threads do not share cache sets.
    this.scratchBytes = Math.ceil(bytes / 4096) * 4096 + 2048;
    const address = this.heap.allocate(this.scratchBytes * this.threads);
    this.words().set([address, this.scratchBytes], CONTROL.scratch);
  }

  /** Runs a program `steps` times; `alone` keeps the other threads asleep, which is faster for little work. */
  run(program: number, options: { steps?: number; alone?: boolean } = {}): void {
    const { steps = 1, alone = false } = options;
    const words = this.words();
    const threads = alone ? 1 : this.threads;
    if (threads > 1) {
      words.set([program, steps], CONTROL.program);
      words[CONTROL.threads] = threads;
      Atomics.add(words, CONTROL.wake, 1);
      Atomics.notify(words, CONTROL.wake);
    }
    this.runHere(this.control, program, threads, words[CONTROL.scratch], steps);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    const words = this.words();
    Atomics.store(words, CONTROL.quit, 1);
    Atomics.add(words, CONTROL.wake, 1);
    Atomics.notify(words, CONTROL.wake);
    for (const worker of this.workers) worker.terminate();
  }

  private words(): Int32Array {
    return this.heap.words(this.control, CONTROL.words);
  }
}

function startThread(start: ThreadStart): Promise<Worker> {
  const worker = new Worker(new URL("./kernel_thread.ts", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = () => resolve(worker);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`A compute thread did not start: ${event.message}`));
    };
    worker.postMessage(start);
  });
}
