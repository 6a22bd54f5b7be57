import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { LoopscopeError } from "../../base/errors.ts";
import { onDisk } from "../disk_error.ts";
import { requireRoomBeside } from "../durable.ts";
import { MIGRATIONS } from "./migrations.ts";

/** The index of the log grows by so much. */
const INDEX_BYTES = 32 * 1024;
/** For so long another process may hold the file. */
const LOCKED_MS = 5000;
const LOOK_MS = 20;

/** SQLite in WAL mode; a commit is on the disk when the call returns. Statements are prepared once. */
export class Database {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  /** Opens and migrates. Throws `schema_too_new` (conflict) for a folder that a later version has written. */
  constructor(readonly path: string, private readonly migrations: readonly string[] = MIGRATIONS) {
    this.#db = this.#onDisk(() => new DatabaseSync(path, { timeout: LOCKED_MS }));
    try {
      const modes = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";
      this.#onDisk(() => whenUnlocked(() => this.#db.exec(modes)));
      this.#onDisk(() => this.#migrate());
    } catch (error) {
      this.#db.close();
      throw isDamage(error) ? damaged(path, error) : error;
    }
  }

  get<T>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#onDisk(() => this.#prepare(sql).get(...values)) as T | undefined;
  }

  all<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#onDisk(() => this.#prepare(sql).all(...values)) as T[];
  }

  /** Number of rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#onDisk(() => this.#prepare(sql).run(...values)).changes);
  }

  /** All or nothing; a transaction inside another is part of it. */
  transaction<T>(run: () => T): T {
    if (this.#depth > 0) return run();
    this.#onDisk(() => this.#db.exec("BEGIN IMMEDIATE"));
    this.#depth++;
    try {
      const result = run();
      this.#onDisk(() => this.#db.exec("COMMIT"));
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    } finally {
      this.#depth--;
    }
  }

  /** A consistent copy in a new file, taken while the service runs. */
  copyTo(path: string): void {
    this.#onDisk(() => this.#db.prepare("VACUUM INTO ?").run(path));
  }

  /** What SQLite finds wrong with the file; empty when it is sound. */
  problems(): string[] {
    try {
      return this.#problems();
    } catch (error) {
      return [(error as Error).message];
    }
  }

  /** Rows that refer to another which is not there. */
  orphanedRows(): number {
    return this.#db.prepare("PRAGMA foreign_key_check").all().length;
  }

  /** Tables and indexes that the schema has and this file lacks, each with the statement that makes it. */
  missing(): { name: string; sql: string }[] {
    using whole = new DatabaseSync(":memory:");
    for (const step of this.migrations) whole.exec(step);
    const sql = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL";
    const met = new Set(this.all<{ name: string }>(sql).map(({ name }) => name));
    return (whole.prepare(sql).all() as { name: string; sql: string }[]).filter(({ name }) => !met.has(name));
  }

  #problems(): string[] {
    const checks = this.#db.prepare("PRAGMA integrity_check").all() as { integrity_check: string }[];
    return checks.map((row) => row.integrity_check).filter((text) => text !== "ok");
  }

  close(): void {
    this.#db.close();
  }

  /** SQLite calls a disk without room for its index, or a full quota, an I/O error like any other: trying tells. */
  #onDisk<T>(run: () => T): T {
    return onDisk(() => {
      try {
        return run();
      } catch (error) {
        if ((error as Error).message.includes("disk I/O error")) requireRoomBeside(this.path, INDEX_BYTES);
        throw error;
      }
    });
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, statement = this.#db.prepare(sql));
    return statement;
  }

  #migrate(): void {
    this.transaction(() => {
      const { user_version: met } = this.#db.prepare("PRAGMA user_version").get() as { user_version: number };
      if (met > this.migrations.length) {
        const message = `The data folder has schema version ${met}, this version knows up to ${this.migrations.length}`;
        throw new LoopscopeError("conflict", "schema_too_new", message);
      }
      for (const step of this.migrations.slice(met)) this.#db.exec(step);
      this.#db.exec(`PRAGMA user_version = ${this.migrations.length}`);
    });
  }
}

/** While another process opens a new file, SQLite does not wait as it does later. */
function whenUnlocked(run: () => void): void {
  for (let waitedMs = 0;; waitedMs += LOOK_MS) {
    try {
      return run();
    } catch (error) {
      if (waitedMs >= LOCKED_MS || !(error as Error).message.includes("database is locked")) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
    }
  }
}

function isDamage(error: unknown): boolean {
  return /malformed|not a database/.test((error as Error).message);
}

function damaged(path: string, cause: unknown): LoopscopeError {
  const message = `The records in ${path} are damaged (${(cause as Error).message}): restore a backup`;
  return new LoopscopeError("internal", "database_damaged", message, { cause });
}
