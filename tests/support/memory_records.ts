import { conflict, LoopscopeError, missing } from "../../lib/base/errors.ts";
import type { Upload } from "../../lib/schemas/upload.ts";
import type { UnfinishedUploads } from "../../lib/store/ports/upload_store.ts";
import type { CubeRecord } from "../../lib/schemas/cube.ts";
import { type Listing, type ListingRequest, parseCursor, toListing } from "../../lib/store/paging.ts";
import type { CubeAdmission, RemoveCubeOptions, Usage } from "../../lib/store/ports/cube_store.ts";
import type {
  BlobClaims,
  CubeRecords,
  ModelPlace,
  ModelRecord,
  ModelRecords,
  UploadPiece,
  UploadRecords,
} from "../../lib/store/ports/records.ts";

/** Claims of one process, for tests of what keeps the bytes. `isNeeded` says whether a cube has them. */
export class MemoryClaims implements BlobClaims {
  readonly #holds = new Map<string, number>();
  /** The last of those who use a blob's row. */
  readonly #locks = new Map<string, Promise<void>>();

  constructor(private readonly isNeeded: (sha256: string) => boolean) {}

  hold(sha256: string): Promise<void> {
    return this.#locked(sha256, () => void this.#holds.set(sha256, (this.#holds.get(sha256) ?? 0) + 1));
  }

  release(sha256: string, remove: () => Promise<void>): Promise<void> {
    return this.#locked(sha256, async () => {
      const left = (this.#holds.get(sha256) ?? 0) - 1;
      if (left > 0) return void this.#holds.set(sha256, left);
      this.#holds.delete(sha256);
      if (!this.isNeeded(sha256)) await remove();
    });
  }

  #locked(sha256: string, run: () => void | Promise<void>): Promise<void> {
    const done = (this.#locks.get(sha256) ?? Promise.resolve()).then(run);
    this.#locks.set(sha256, done.catch(() => {}));
    return done;
  }
}

/** Records of models in one process; no job uses them. */
export class MemoryModelRecords implements ModelRecords {
  readonly #versions: { name: string; version: number; madeBy?: string; place?: ModelPlace }[] = [];
  readonly #aliases = new Map<string, Omit<ModelRecord, "versions">>();

  // deno-lint-ignore require-await
  async names(): Promise<string[]> {
    return [...new Set(this.#published().map(({ name }) => name))];
  }

  // deno-lint-ignore require-await
  async find(name: string): Promise<ModelRecord> {
    const versions = this.#published().filter((one) => one.name === name).map(({ version }) => version);
    return { versions: versions.sort((a, b) => a - b), ...this.#aliasesOf(name) };
  }

  // deno-lint-ignore require-await
  async reserve(name: string, { shipped, madeBy }: { shipped: number; madeBy?: string }): Promise<number> {
    const same = this.#versions.find((one) => one.name === name && madeBy !== undefined && one.madeBy === madeBy);
    if (same) return same.version;
    const used = this.#versions.filter((one) => one.name === name).map(({ version }) => version);
    const version = Math.max(shipped, ...used) + 1;
    this.#versions.push({ name, version, madeBy });
    return version;
  }

  // deno-lint-ignore require-await
  async publish(name: string, version: number, place: ModelPlace): Promise<boolean> {
    const row = this.#row(name, version)!;
    if (row.place) return false;
    row.place = place;
    return true;
  }

  // deno-lint-ignore require-await
  async placeOf(name: string, version: number): Promise<ModelPlace | undefined> {
    return this.#row(name, version)?.place;
  }

  // deno-lint-ignore require-await
  async remove(name: string, version: number): Promise<ModelPlace | undefined> {
    const row = this.#row(name, version);
    if (Object.values(this.#aliasesOf(name).aliases).includes(version)) {
      throw conflict("version_in_use", `Version ${version} of ${name} has an alias`);
    }
    const place = row?.place;
    if (row) row.place = row.madeBy = undefined;
    return place;
  }

  // deno-lint-ignore require-await
  async setAlias(
    name: string,
    alias: string,
    version: number,
    options: { ifRevision?: number; ifAbsent?: boolean; shipped: boolean },
  ): Promise<void> {
    if (!options.shipped && !this.#row(name, version)?.place) {
      throw missing("version_missing", "There is no such version");
    }
    const { aliases } = this.#aliasesOf(name);
    if (options.ifAbsent && Object.hasOwn(aliases, alias)) {
      throw new LoopscopeError("precondition", "alias_exists", alias);
    }
    this.#changeAliases(name, options.ifRevision, { ...aliases, [alias]: version });
  }

  // deno-lint-ignore require-await
  async removeAlias(name: string, alias: string, ifRevision?: number): Promise<void> {
    const { [alias]: removed, ...aliases } = this.#aliasesOf(name).aliases;
    if (removed === undefined) throw missing("alias_missing", `Model ${name} has no alias ${alias}`);
    this.#changeAliases(name, ifRevision, aliases);
  }

  // deno-lint-ignore require-await
  async madeBy(id: string): Promise<{ name: string; version: number } | undefined> {
    const made = this.#published().find(({ madeBy }) => madeBy === id);
    return made && { name: made.name, version: made.version };
  }

  // deno-lint-ignore require-await
  async madeByCallers(): Promise<{ name: string; version: number }[]> {
    return [];
  }

  #published() {
    return this.#versions.filter(({ place }) => place !== undefined);
  }

  #row(name: string, version: number) {
    return this.#versions.find((one) => one.name === name && one.version === version);
  }

  #aliasesOf(name: string): Omit<ModelRecord, "versions"> {
    return this.#aliases.get(name) ?? { aliases: {}, revision: 0 };
  }

  #changeAliases(name: string, ifRevision: number | undefined, aliases: Record<string, number>): void {
    const { revision } = this.#aliasesOf(name);
    if (ifRevision !== undefined && ifRevision !== revision) {
      throw new LoopscopeError("precondition", "alias_changed", `The aliases are at revision ${revision}`);
    }
    this.#aliases.set(name, { aliases, revision: revision + 1 });
  }
}

interface CubeRow extends CubeAdmission {
  seq: number;
  record: CubeRecord;
}

/** Records of cubes in one process; no job uses them. */
export class MemoryCubeRecords implements CubeRecords {
  readonly #rows = new Map<string, CubeRow>();
  #seq = 0;
  #changes: Promise<unknown> = Promise.resolve();

  // deno-lint-ignore require-await
  async insert(record: CubeRecord, admission: CubeAdmission): Promise<{ cube: CubeRecord; created: boolean }> {
    const same = this.#byContent(record.sha256, admission.optionsKey);
    if (same) {
      this.#renew(same, admission);
      return { cube: same.record, created: false };
    }
    admission.admit?.(this.#usage(admission.owner));
    this.#rows.set(record.id, { ...admission, record, seq: ++this.#seq });
    return { cube: record, created: true };
  }

  // deno-lint-ignore require-await
  async get(id: string): Promise<CubeRecord | undefined> {
    return this.#rows.get(id)?.record;
  }

  // deno-lint-ignore require-await
  async findByContent(sha256: string, optionsKey: string): Promise<CubeRecord | undefined> {
    return this.#byContent(sha256, optionsKey)?.record;
  }

  // deno-lint-ignore require-await
  async list({ limit, cursor }: ListingRequest): Promise<Listing<CubeRecord>> {
    const before = parseCursor(cursor);
    const rows = [...this.#rows.values()].filter(({ seq }) => seq < before).sort((a, b) => b.seq - a.seq);
    return toListing(rows.slice(0, limit + 1), limit, ({ record }) => record);
  }

  // deno-lint-ignore require-await
  async remove(id: string, { ifExpiredMs = Infinity }: RemoveCubeOptions = {}): Promise<CubeRecord | undefined> {
    const row = this.#rows.get(id);
    if (!row || (ifExpiredMs !== Infinity && (row.expiresMs ?? Infinity) > ifExpiredMs)) return undefined;
    this.#rows.delete(id);
    return row.record;
  }

  change(id: string, change: (record: CubeRecord) => Promise<CubeRecord>): Promise<CubeRecord> {
    const changed = this.#changes.then(async () => {
      const row = this.#rows.get(id);
      if (!row) throw missing("cube_missing", `There is no cube ${id}`);
      return row.record = await change(row.record);
    });
    this.#changes = changed.catch(() => {});
    return changed;
  }

  rename(id: string, name: string): Promise<CubeRecord> {
    return this.change(id, (record) => Promise.resolve({ ...record, name }));
  }

  // deno-lint-ignore require-await
  async usage(owner?: string): Promise<Usage> {
    return this.#usage(owner);
  }

  // deno-lint-ignore require-await
  async ownerOf(id: string): Promise<string | undefined> {
    return this.#rows.get(id)?.owner;
  }

  // deno-lint-ignore require-await
  async expired(nowMs: number): Promise<string[]> {
    const due = [...this.#rows.values()].filter(({ expiresMs }) => (expiresMs ?? Infinity) <= nowMs);
    return due.map(({ record }) => record.id);
  }

  // deno-lint-ignore require-await
  async renew(id: string, admission: { owner: string; expiresMs?: number }): Promise<void> {
    this.#renew(this.#rows.get(id), admission);
  }

  /** Whether a cube was made of these bytes. */
  needs(sha256: string): boolean {
    return [...this.#rows.values()].some(({ record }) => record.sha256 === sha256);
  }

  #byContent(sha256: string, optionsKey: string): CubeRow | undefined {
    return [...this.#rows.values()].find((row) => row.record.sha256 === sha256 && row.optionsKey === optionsKey);
  }

  #renew(row: CubeRow | undefined, { owner, expiresMs }: { owner: string; expiresMs?: number }): void {
    if (row?.expiresMs === undefined) return;
    if (expiresMs === undefined) row.owner = owner;
    row.expiresMs = expiresMs;
  }

  #usage(owner?: string): Usage {
    const mine = [...this.#rows.values()].filter((row) => owner === undefined || row.owner === owner);
    const bytesOf = ({ record: { sizeBytes, shape: [rows, cols, points] } }: CubeRow) =>
      sizeBytes + 4 * rows * cols * points;
    return { cubes: mine.length, bytes: mine.reduce((sum, row) => sum + bytesOf(row), 0) };
  }
}

/** Records of uploads in one process. */
export class MemoryUploadRecords implements UploadRecords {
  readonly #rows = new Map<string, Omit<Upload, "offset"> & { pieces: UploadPiece[] }>();
  readonly #locked = new Set<string>();

  // deno-lint-ignore require-await
  async insert(upload: Omit<Upload, "offset">, admit?: (unfinished: UnfinishedUploads) => void): Promise<void> {
    const all = [...this.#rows.values()].filter(({ cube }) => cube === undefined);
    const mine = all.filter(({ owner }) => owner === upload.owner);
    const bytesOf = (rows: { sizeBytes: number }[]) => rows.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    admit?.({ count: all.length, promisedBytes: bytesOf(all), mine: { count: mine.length, bytes: bytesOf(mine) } });
    this.#rows.set(upload.id, { ...upload, pieces: [] });
  }

  // deno-lint-ignore require-await
  async get(id: string): Promise<Upload | undefined> {
    const row = this.#rows.get(id);
    if (!row) return undefined;
    const { pieces, ...upload } = row;
    return { ...upload, offset: upload.cube === undefined ? sizeOf(pieces) : upload.sizeBytes };
  }

  // deno-lint-ignore require-await
  async pieces(id: string): Promise<UploadPiece[]> {
    return this.#rows.get(id)?.pieces ?? [];
  }

  // deno-lint-ignore require-await
  async append(id: string, offset: number, pieces: readonly UploadPiece[]): Promise<boolean> {
    const row = this.#rows.get(id);
    if (!row || row.cube !== undefined || sizeOf(row.pieces) !== offset) return false;
    row.pieces.push(...pieces);
    return true;
  }

  // deno-lint-ignore require-await
  async finish(id: string, cube: string, keep: number): Promise<void> {
    const row = this.#rows.get(id)!;
    this.#rows.delete(id);
    this.#rows.set(id, { ...row, cube, pieces: [] });
    const ended = [...this.#rows.values()].filter((one) => one.cube !== undefined);
    for (const one of ended.slice(0, Math.max(0, ended.length - keep))) this.#rows.delete(one.id);
  }

  // deno-lint-ignore require-await
  async remove(id: string): Promise<void> {
    this.#rows.delete(id);
  }

  // deno-lint-ignore require-await
  async expired(nowMs: number): Promise<string[]> {
    return [...this.#rows.values()].filter(({ id, expiresMs }) => expiresMs <= nowMs && !this.#locked.has(id))
      .map(({ id }) => id);
  }

  // deno-lint-ignore require-await
  async unfinishedAmong(ids: readonly string[]): Promise<string[]> {
    return ids.filter((id) => this.#rows.has(id) && this.#rows.get(id)!.cube === undefined);
  }

  // deno-lint-ignore require-await
  async lock(id: string): Promise<AsyncDisposable | undefined> {
    if (this.#locked.has(id)) return undefined;
    this.#locked.add(id);
    return { [Symbol.asyncDispose]: () => Promise.resolve(void this.#locked.delete(id)) };
  }
}

function sizeOf(pieces: readonly UploadPiece[]): number {
  return pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
