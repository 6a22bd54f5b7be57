const CHECK_EVERY_MS = 1000;
/** A check that comes this late says that the service itself was suspended or blocked: the silence is then its own. */
const LATE_MS = 2500;

export interface HeartbeatLimits {
  /** A process is suspected after so long without a heartbeat … */
  suspectMs: number;
  /** … and frozen after this. */
  frozenMs: number;
  /** Longest time that the main thread may be silent while the process beats: a call into a driver that never returns. */
  mainSilentMs: number;
}

export const HEARTBEAT_LIMITS: HeartbeatLimits = { suspectMs: 3000, frozenMs: 8000, mainSilentMs: 300_000 };

/** Tells from a process's heartbeats when it is frozen: stopped, or hung for good. Counts from the first beat. */
export class HeartbeatMonitor {
  #beatMs?: number;
  #checkedMs = performance.now();
  #timer?: ReturnType<typeof setInterval>;

  constructor(
    private readonly onFrozen: (reason: string) => void,
    private readonly limits: HeartbeatLimits = HEARTBEAT_LIMITS,
  ) {}

  /** Whether no heartbeat has come for a while. */
  get suspected(): boolean {
    return this.#beatMs !== undefined && performance.now() - this.#beatMs > this.limits.suspectMs;
  }

  beat(mainSilentMs: number): void {
    this.#beatMs = performance.now();
    if (this.#timer === undefined) {
      this.#checkedMs = this.#beatMs;
      this.#timer = setInterval(() => this.#check(), CHECK_EVERY_MS);
      Deno.unrefTimer(this.#timer);
    }
    if (mainSilentMs > this.limits.mainSilentMs) {
      this.#freeze(`its main thread has been silent for ${Math.round(mainSilentMs / 1000)} s`);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#beatMs = undefined;
  }

  #check(): void {
    const now = performance.now();
    const late = now - this.#checkedMs > LATE_MS;
    this.#checkedMs = now;
    if (late && this.#beatMs !== undefined) this.#beatMs = now;
    if (this.#beatMs === undefined || now - this.#beatMs <= this.limits.frozenMs) return;
    this.#freeze(`no heartbeat for ${Math.round((now - this.#beatMs) / 1000)} s`);
  }

  #freeze(reason: string): void {
    this.close();
    this.onFrozen(reason);
  }
}
