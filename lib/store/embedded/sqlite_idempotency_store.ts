import type { Clock } from "../../base/clock.ts";
import type { IdempotencyClaim, IdempotencyPort, StoredResponse } from "../../schemas/idempotency.ts";
import type { Database } from "./database.ts";

const KEEP_MS = 24 * 3600 * 1000;
const KEEP_ANSWERS = 10_000;
const KEEP_BYTES = 256 * 2 ** 20;
const PRUNE_EVERY = 100;

interface AnswerRow {
  fingerprint: string;
  status: number;
  headers: string;
  body: Uint8Array;
}

/**
 * Finished responses in SQLite for a day, of which the newest 10000 and the newest 256 MiB; claims in memory, so that they
 * end with the process.
 */
export class SqliteIdempotencyStore implements IdempotencyPort {
  readonly #running = new Set<string>();
  #responsesSincePrune = 0;
  #bytesSincePrune = 0;

  constructor(private readonly db: Database, private readonly clock: Clock, private readonly keepBytes = KEEP_BYTES) {}

  // deno-lint-ignore require-await
  async begin(caller: string, key: string): Promise<IdempotencyClaim> {
    const sql = `SELECT fingerprint, status, headers, body FROM idempotency
      WHERE caller = ? AND key = ? AND finished_ms > ?`;
    const row = this.db.get<AnswerRow>(sql, caller, key, this.clock.nowMs() - KEEP_MS);
    if (row) {
      const { fingerprint, status, headers, body } = row;
      return { state: "done", fingerprint, response: { status, headers: JSON.parse(headers), body } };
    }
    const claim = claimName(caller, key);
    if (this.#running.has(claim)) return { state: "running" };
    this.#running.add(claim);
    return { state: "new" };
  }

  // deno-lint-ignore require-await
  async finish(
    caller: string,
    key: string,
    fingerprint: string,
    { status, headers, body }: StoredResponse,
  ): Promise<void> {
    this.db.run(
      `INSERT OR REPLACE INTO idempotency (caller, key, fingerprint, status, headers, body, finished_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ...[caller, key, fingerprint, status, JSON.stringify(headers), body, this.clock.nowMs()],
    );
    this.#running.delete(claimName(caller, key));
    this.#responsesSincePrune++;
    this.#bytesSincePrune += body.length;
    if (this.#responsesSincePrune >= PRUNE_EVERY || this.#bytesSincePrune > this.keepBytes / 8) this.#prune();
  }

  // deno-lint-ignore require-await
  async abandon(caller: string, key: string): Promise<void> {
    this.#running.delete(claimName(caller, key));
  }

  #prune(): void {
    this.#responsesSincePrune = this.#bytesSincePrune = 0;
    this.db.run(
      `DELETE FROM idempotency WHERE finished_ms <= ? OR rowid IN (
         SELECT rowid FROM (
           SELECT rowid, row_number() OVER newest AS place, sum(length(body)) OVER newest AS bytes
           FROM idempotency WINDOW newest AS (ORDER BY finished_ms DESC, rowid DESC))
         WHERE place > ? OR bytes > ?)`,
      ...[this.clock.nowMs() - KEEP_MS, KEEP_ANSWERS, this.keepBytes],
    );
  }
}

function claimName(caller: string, key: string): string {
  return JSON.stringify([caller, key]);
}
