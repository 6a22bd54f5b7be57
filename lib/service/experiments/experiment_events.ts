import type { Clock } from "../../base/clock.ts";
import { ChangeNotifier } from "../../jobs/queue/change_notifier.ts";
import type { StreamEvent } from "../services.ts";

const IDLE_MS = 60_000;
const MOST_KEPT = 256, MOST_EXPERIMENTS = 1000;

/** Recent events of each experiment, for those who watch. They are numbered from the time, so that a restart goes on upwards. */
export class ExperimentEvents {
  readonly #events = new Map<string, StreamEvent[]>();
  readonly #changes = new ChangeNotifier();

  constructor(private readonly clock: Clock) {}

  add(id: string, event: string, value: unknown): void {
    const events = this.#events.get(id) ?? [];
    this.#events.delete(id);
    this.#events.set(id, events);
    if (this.#events.size > MOST_EXPERIMENTS) this.#events.delete(this.#events.keys().next().value!);
    const sequence = Math.max(this.clock.nowMs(), (events.at(-1)?.sequence ?? 0) + 1);
    events.push({ sequence, event, json: JSON.stringify(value) });
    if (events.length > MOST_KEPT) events.shift();
    this.#changes.notify(id);
  }

  /** Events after `after` as they come, until `done` or the signal. */
  async *watch(id: string, after: number, signal: AbortSignal): AsyncGenerator<StreamEvent[]> {
    let seen = after;
    while (!signal.aborted) {
      const fresh = (this.#events.get(id) ?? []).filter(({ sequence }) => sequence > seen);
      if (fresh.length > 0) {
        yield fresh;
        seen = fresh.at(-1)!.sequence;
        if (fresh.at(-1)!.event === "done") return;
      } else await this.#changes.next(id, IDLE_MS, signal);
    }
  }

  has(id: string): boolean {
    return this.#events.has(id);
  }

  /** Resolves at the next event, after the time or at the signal. */
  async next(id: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#changes.next(id, timeoutMs, signal);
  }
}
