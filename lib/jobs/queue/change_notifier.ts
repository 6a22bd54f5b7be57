/** Publish and subscribe by subject. A subject without listeners takes no memory. */
export class ChangeNotifier {
  readonly #listeners = new Map<string, Set<() => void>>();

  /** Returns the way to stop listening. */
  listen(subject: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(subject) ?? new Set();
    this.#listeners.set(subject, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(subject) === listeners) this.#listeners.delete(subject);
    };
  }

  notify(subject: string): void {
    for (const listener of [...this.#listeners.get(subject) ?? []]) listener();
  }

  /** Resolves at the next news, after the time, or when the signal fires, whichever is first; never rejects. */
  next(subject: string, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        stop();
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const stop = this.listen(subject, done);
      const timer = setTimeout(done, timeoutMs);
      signal?.addEventListener("abort", done);
    });
  }
}
