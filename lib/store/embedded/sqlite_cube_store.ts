import { conflict, missing } from "../../base/errors.ts";
import type { ImageChannel } from "../../cube/cube.ts";
import type { CubeRecord } from "../../schemas/cube.ts";
import {
  imagePath,
  MAX_MAPS,
  readCubeJson,
  replaceCubeJson,
  settleImages,
  writeImage,
} from "../cube_files/cube_json.ts";
import { openCubeFile } from "../cube_files/cube_file.ts";
import type { CubeAdmission, CubeParts, CubeStore, RemoveCubeOptions, Usage } from "../ports/cube_store.ts";
import type { DiskBlobStore } from "./disk_blob_store.ts";
import { OpenCubeFiles } from "./open_cube_files.ts";
import { activeJobsUsing } from "./active_jobs.ts";
import type { Database } from "./database.ts";
import type { DataFolder } from "./data_folder.ts";
import { isDiskFull, onDisk } from "../disk_error.ts";
import { removeIfThere, syncFolder } from "../durable.ts";
import { type Listing, type ListingRequest, parseCursor, toListing } from "../paging.ts";

interface CubeRow {
  seq: number;
  record: string;
}

/** Cubes that are kept open for reads. */
const OPEN_CUBES = 4;

/** Records in SQLite, files in `cubes/ID/`. */
export class SqliteCubeStore implements CubeStore {
  readonly #open = new OpenCubeFiles((id) => openCubeFile(this.folderOf(id)), OPEN_CUBES);

  constructor(
    private readonly db: Database,
    private readonly folder: DataFolder,
    private readonly blobs: DiskBlobStore,
  ) {}

  async add(finishedFolder: string, record: CubeRecord, admission: CubeAdmission) {
    const path = this.folder.cubePath(record.id);
    onDisk(() => Deno.renameSync(finishedFolder, path));
    syncFolder(`${this.folder.root}/cubes`);
    try {
      if (this.#insert(record, admission)) return { cube: record, created: true };
      // Before anything else comes in between, a removal above all.
      const cube = this.#byContent(record.sha256, admission.optionsKey)!;
      this.#renew(cube.id, admission);
      await this.folder.discard(path);
      return { cube, created: false };
    } catch (error) {
      await this.folder.discard(path);
      throw error;
    }
  }

  // deno-lint-ignore require-await
  async get(id: string): Promise<CubeRecord | undefined> {
    return this.#get(id);
  }

  #get(id: string): CubeRecord | undefined {
    return read(this.db.get<CubeRow>("SELECT seq, record FROM cubes WHERE id = ?", id));
  }

  // deno-lint-ignore require-await
  async findByContent(sha256: string, optionsKey: string): Promise<CubeRecord | undefined> {
    return this.#byContent(sha256, optionsKey);
  }

  #byContent(sha256: string, optionsKey: string): CubeRecord | undefined {
    const sql = "SELECT seq, record FROM cubes WHERE sha256 = ? AND options_key = ?";
    return read(this.db.get<CubeRow>(sql, sha256, optionsKey));
  }

  // deno-lint-ignore require-await
  async list({ limit, cursor }: ListingRequest): Promise<Listing<CubeRecord>> {
    const sql = "SELECT seq, record FROM cubes WHERE seq < ? ORDER BY seq DESC LIMIT ?";
    const rows = this.db.all<CubeRow>(sql, parseCursor(cursor), limit + 1);
    return toListing(rows, limit, (row) => JSON.parse(row.record) as CubeRecord);
  }

  async remove(id: string, options: RemoveCubeOptions = {}): Promise<boolean> {
    const record = this.#get(id);
    if (!record) return false;
    this.blobs.hold(record.sha256);
    try {
      const removed = this.folder.reserve.use(() => this.db.transaction(() => this.#delete(id, options)));
      if (!removed) return false;
      this.#open.close(id);
      await this.folder.discard(this.folder.cubePath(id));
    } finally {
      await this.blobs.release(record.sha256);
    }
    return true;
  }

  #delete(id: string, { ifUnused = false, ifExpiredMs = Infinity }: RemoveCubeOptions): boolean {
    const users = ifUnused ? activeJobsUsing(this.db, { cube: id }) : [];
    if (users.length > 0) {
      throw conflict("cube_in_use", `Cube ${id} is used by ${users.join(", ")}: cancel the job or wait for its end`);
    }
    if (ifExpiredMs === Infinity) return this.db.run("DELETE FROM cubes WHERE id = ?", id) === 1;
    return this.db.run("DELETE FROM cubes WHERE id = ? AND expires_ms <= ?", id, ifExpiredMs) === 1;
  }

  // deno-lint-ignore require-await
  async rename(id: string, name: string): Promise<CubeRecord> {
    this.#require(id);
    const changed = { ...this.#get(id)!, name };
    this.db.run("UPDATE cubes SET record = ? WHERE id = ?", JSON.stringify(changed), id);
    return changed;
  }

  // deno-lint-ignore require-await
  async addImage(id: string, channel: ImageChannel): Promise<CubeRecord> {
    const record = this.#get(id);
    if (!record) throw missing("cube_missing", `There is no cube ${id}`);
    if (record.maps.length >= MAX_MAPS) {
      throw conflict("too_many_maps", `Cube ${id} has ${record.maps.length} maps; expected fewer than ${MAX_MAPS}`);
    }
    this.#open.close(id);
    const path = this.folder.cubePath(id);
    // The record is the truth: a channel that only the file knows was never acknowledged and is written over.
    const meta = { ...readCubeJson(path), maps: [...record.maps] };
    this.db.run("UPDATE cubes SET changing = 1 WHERE id = ?", id);
    try {
      writeImage(path, meta, channel);
      const changed = { ...record, maps: meta.maps };
      // All that needs room comes before the rename, which needs none: on a full disk nothing has changed.
      replaceCubeJson(path, meta, () => {
        this.db.run("UPDATE cubes SET record = ? WHERE id = ?", JSON.stringify(changed), id);
      });
      this.#settled(id);
      return changed;
    } catch (error) {
      if (this.#get(id)?.maps.length === record.maps.length) removeIfThere(imagePath(path, record.maps.length));
      throw error;
    }
  }

  /**
   * After a start: where the addition of an image channel was cut off, the files follow the record. A cube that is damaged
   * beside that is left to the doctor.
   */
  settleImages(): void {
    for (const row of this.db.all<CubeRow & { id: string }>("SELECT id, seq, record FROM cubes WHERE changing = 1")) {
      try {
        this.folder.reserve.use(() => settleImages(this.folder.cubePath(row.id), read(row)!.maps));
        this.#settled(row.id);
      } catch (error) {
        if ((error as { code?: string }).code !== "cube_damaged") throw error;
      }
    }
  }

  // deno-lint-ignore require-await
  async open(id: string): Promise<CubeParts> {
    this.#require(id);
    const { shape, axes, quantity, unit, imageNames, meta, hasMask } = this.#open.get(id);
    const tile = { rows: meta.layout.tileRows, cols: meta.layout.tileCols };
    const parts = { shape, axes, quantity, unit, imageNames, tile, hasMask };
    // Between two reads the file may have been closed for another cube, or removed.
    const reader = () => {
      this.#require(id);
      return this.#open.get(id);
    };
    return {
      ...parts,
      // deno-lint-ignore require-await
      readMap: async (step) => reader().readMap(step),
      // deno-lint-ignore require-await
      readSpectra: async (row, col, count) => reader().readBlock({ row, col, rows: 1, cols: count }),
      // deno-lint-ignore require-await
      readBlock: async (region) => reader().readBlock(region),
      // deno-lint-ignore require-await
      readMask: async (region) => reader().readMask(region),
      // deno-lint-ignore require-await
      readImage: async (name) => reader().readImage(name),
    };
  }

  // deno-lint-ignore require-await
  async localFolder(id: string): Promise<string> {
    this.#require(id);
    return this.folderOf(id);
  }

  #require(id: string): void {
    if (!this.#get(id)) throw missing("cube_missing", `There is no cube ${id}`);
  }

  folderOf(id: string): string {
    return this.folder.cubePath(id);
  }

  close(): void {
    this.#open.closeAll();
  }

  // deno-lint-ignore require-await
  async usage(owner?: string): Promise<Usage> {
    return this.#usage(owner);
  }

  #usage(owner?: string): Usage {
    const sql = "SELECT count(*) AS cubes, coalesce(sum(stored_bytes), 0) AS bytes FROM cubes";
    return { ...owner === undefined ? this.db.get<Usage>(sql)! : this.db.get<Usage>(`${sql} WHERE owner = ?`, owner)! };
  }

  // deno-lint-ignore require-await
  async ownerOf(id: string): Promise<string | undefined> {
    return this.db.get<{ owner: string }>("SELECT owner FROM cubes WHERE id = ?", id)?.owner;
  }

  // deno-lint-ignore require-await
  async renew(id: string, admission: { owner: string; expiresMs?: number }): Promise<void> {
    this.#renew(id, admission);
  }

  #renew(id: string, { owner, expiresMs = null }: { owner: string; expiresMs?: number | null }): void {
    const sql = `UPDATE cubes SET owner = iif(? IS NULL, ?, owner), expires_ms = ?
      WHERE id = ? AND expires_ms IS NOT NULL`;
    this.db.run(sql, expiresMs, owner, expiresMs, id);
  }

  // deno-lint-ignore require-await
  async expired(nowMs: number): Promise<string[]> {
    return this.db.all<{ id: string }>("SELECT id FROM cubes WHERE expires_ms <= ?", nowMs).map((row) => row.id);
  }

  #insert(record: CubeRecord, { optionsKey, owner, expiresMs, admit }: CubeAdmission): boolean {
    const [rows, cols, points] = record.shape;
    return this.db.transaction(() => {
      if (this.#byContent(record.sha256, optionsKey)) return false;
      admit?.(this.#usage(owner));
      this.db.run(
        `INSERT INTO cubes (id, sha256, options_key, owner, stored_bytes, expires_ms, record)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
        ...[record.id, record.sha256, optionsKey, owner],
        ...[record.sizeBytes + 4 * rows * cols * points, expiresMs ?? null, JSON.stringify(record)],
      );
      return true;
    });
  }

  /** Files and record agree. On a full disk the mark stays, and the next start looks once more. */
  #settled(id: string): void {
    try {
      this.db.run("UPDATE cubes SET changing = 0 WHERE id = ?", id);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
  }
}

function read(row: CubeRow | undefined): CubeRecord | undefined {
  return row && JSON.parse(row.record) as CubeRecord;
}
