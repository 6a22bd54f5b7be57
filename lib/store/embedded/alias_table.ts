import { LoopscopeError, missing } from "../../base/errors.ts";
import type { Database } from "./database.ts";
import type { DiskReserve } from "./disk_reserve.ts";

/** Names for versions of a model, with a revision that grows with every change. */
export class AliasTable {
  constructor(private readonly db: Database, private readonly reserve: DiskReserve) {}

  of(name: string): Record<string, number> {
    const sql = "SELECT alias, version FROM aliases WHERE name = ? ORDER BY alias";
    const rows = this.db.all<{ alias: string; version: number }>(sql, name);
    return Object.fromEntries(rows.map(({ alias, version }) => [alias, version]));
  }

  /** Models that have aliases. */
  names(): string[] {
    return this.db.all<{ name: string }>("SELECT DISTINCT name FROM aliases ORDER BY name").map((row) => row.name);
  }

  /** 0 before the first change. */
  revision(name: string): number {
    const sql = "SELECT revision FROM alias_revisions WHERE name = ?";
    return this.db.get<{ revision: number }>(sql, name)?.revision ?? 0;
  }

  /** Throws (precondition) `alias_changed` when the revision is not `ifRevision`, `alias_exists` with `ifAbsent`. */
  set(
    name: string,
    alias: string,
    version: number,
    { ifRevision, ifAbsent = false }: { ifRevision?: number; ifAbsent?: boolean } = {},
  ): void {
    this.#change(name, ifRevision, () => {
      const aliases = this.of(name);
      if (ifAbsent && Object.hasOwn(aliases, alias)) {
        const message = `Alias ${alias} is at version ${aliases[alias]}; expected none (If-None-Match: *)`;
        throw new LoopscopeError("precondition", "alias_exists", message);
      }
      this.db.run("INSERT OR REPLACE INTO aliases (name, alias, version) VALUES (?, ?, ?)", name, alias, version);
    });
  }

  /** Throws `alias_missing` when there is none. */
  remove(name: string, alias: string, ifRevision?: number): void {
    const change = () => {
      const changed = this.db.run("DELETE FROM aliases WHERE name = ? AND alias = ?", name, alias);
      if (changed === 0) throw missing("alias_missing", `Model ${name} has no alias ${alias}`);
    };
    // A version can be removed only when no alias points to it.
    this.reserve.use(() => this.#change(name, ifRevision, change));
  }

  #change(name: string, ifRevision: number | undefined, change: () => void): void {
    this.db.transaction(() => {
      const met = this.revision(name);
      if (ifRevision !== undefined && ifRevision !== met) {
        const message = `The aliases of ${name} are at revision ${met}; expected ${ifRevision}`;
        throw new LoopscopeError("precondition", "alias_changed", message);
      }
      change();
      this.db.run("INSERT OR REPLACE INTO alias_revisions (name, revision) VALUES (?, ?)", name, met + 1);
    });
  }
}
