import { conflict, missing } from "../base/errors.ts";
import type { ImageChannel } from "../cube/cube.ts";
import type { CubeRecord } from "../schemas/cube.ts";
import { imagePath, readCubeJson, replaceCubeJson, settleImages, writeImage } from "./cube_files/cube_json.ts";
import type { BlobStore } from "./blob_store.ts";
import type { Database } from "./database.ts";
import type { DataFolder } from "./data_folder.ts";
import { isDiskFull, onDisk } from "./disk_error.ts";
import { removeIfThere, syncFolder } from "./durable.ts";
import { type Listing, type ListingRequest, parseCursor, toListing } from "./paging.ts";

/** Image channels count for no quota, and every listing names them all. */
const MAX_MAPS = 256;

export interface CubeAdmission {
  /** What was asked of the parser, canonical: together with the bytes it is the cube's identity. */
  optionsKey: string;
  owner: string;
  /** For a public demo: when the cube may be removed. */
  expiresMs?: number;
}

export interface Usage {
  cubes: number;
  bytes: number;
}

/** Records of cubes with their folders. A folder is whole before its record is there, and gone after it. */
export interface CubeStore {
  /** Takes the finished folder over; when the cube is there already, it is renewed, and the folder removed. */
  add(
    finishedFolder: string,
    record: CubeRecord,
    admission: CubeAdmission,
  ): Promise<{ cube: CubeRecord; created: boolean }>;
  get(id: string): CubeRecord | undefined;
  findByContent(sha256: string, optionsKey: string): CubeRecord | undefined;
  /** A cube with these uploaded bytes, whatever the options. */
  anyWithBytes(sha256: string): CubeRecord | undefined;
  list(page: ListingRequest): Listing<CubeRecord>;
  /** The record first, then the files and the bytes that no other cube needs. False when there is none. */
  remove(id: string): Promise<boolean>;
  /** Adds a separate image channel. Throws `map_exists`, `grid_mismatch`, `too_many_maps`, `cube_missing`. */
  addImage(id: string, channel: ImageChannel): CubeRecord;
  /** For `openCubeFile`. */
  folderOf(id: string): string;
  usage(owner?: string): Usage;
  ownerOf(id: string): string | undefined;
  expired(nowMs: number): string[];
  isExpired(id: string, nowMs: number): boolean;
  /** A cube that expires was uploaded again: it is kept for longer, or for good. */
  renew(id: string, admission: { owner: string; expiresMs?: number }): void;
}

interface CubeRow {
  seq: number;
  record: string;
}

export class DiskCubeStore implements CubeStore {
  constructor(
    private readonly db: Database,
    private readonly folder: DataFolder,
    private readonly blobs: BlobStore,
  ) {}

  async add(finishedFolder: string, record: CubeRecord, admission: CubeAdmission) {
    const path = this.folder.cubePath(record.id);
    onDisk(() => Deno.renameSync(finishedFolder, path));
    syncFolder(`${this.folder.root}/cubes`);
    try {
      if (this.#insert(record, admission)) return { cube: record, created: true };
      // Before anything else comes in between, a removal above all.
      const cube = this.findByContent(record.sha256, admission.optionsKey)!;
      this.renew(cube.id, admission);
      await this.folder.discard(path);
      return { cube, created: false };
    } catch (error) {
      await this.folder.discard(path);
      throw error;
    }
  }

  get(id: string): CubeRecord | undefined {
    return read(this.db.get<CubeRow>("SELECT seq, record FROM cubes WHERE id = ?", id));
  }

  findByContent(sha256: string, optionsKey: string): CubeRecord | undefined {
    const sql = "SELECT seq, record FROM cubes WHERE sha256 = ? AND options_key = ?";
    return read(this.db.get<CubeRow>(sql, sha256, optionsKey));
  }

  anyWithBytes(sha256: string): CubeRecord | undefined {
    return read(this.db.get<CubeRow>("SELECT seq, record FROM cubes WHERE sha256 = ? LIMIT 1", sha256));
  }

  list({ limit, cursor }: ListingRequest): Listing<CubeRecord> {
    const sql = "SELECT seq, record FROM cubes WHERE seq < ? ORDER BY seq DESC LIMIT ?";
    const rows = this.db.all<CubeRow>(sql, parseCursor(cursor), limit + 1);
    return toListing(rows, limit, (row) => JSON.parse(row.record) as CubeRecord);
  }

  async remove(id: string): Promise<boolean> {
    const record = this.get(id);
    if (!record) return false;
    this.blobs.hold(record.sha256);
    try {
      this.folder.spare.use(() => this.db.run("DELETE FROM cubes WHERE id = ?", id));
      await this.folder.discard(this.folder.cubePath(id));
    } finally {
      await this.blobs.release(record.sha256);
    }
    return true;
  }

  addImage(id: string, channel: ImageChannel): CubeRecord {
    const record = this.get(id);
    if (!record) throw missing("cube_missing", `There is no cube ${id}`);
    if (record.maps.length >= MAX_MAPS) {
      throw conflict("too_many_maps", `Cube ${id} has ${record.maps.length} maps, more than ${MAX_MAPS} are not added`);
    }
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
      if (this.get(id)?.maps.length === record.maps.length) removeIfThere(imagePath(path, record.maps.length));
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
        this.folder.spare.use(() => settleImages(this.folder.cubePath(row.id), read(row)!.maps));
        this.#settled(row.id);
      } catch (error) {
        if ((error as { code?: string }).code !== "cube_damaged") throw error;
      }
    }
  }

  folderOf(id: string): string {
    return this.folder.cubePath(id);
  }

  usage(owner?: string): Usage {
    const sql = "SELECT count(*) AS cubes, coalesce(sum(stored_bytes), 0) AS bytes FROM cubes";
    return { ...owner === undefined ? this.db.get<Usage>(sql)! : this.db.get<Usage>(`${sql} WHERE owner = ?`, owner)! };
  }

  ownerOf(id: string): string | undefined {
    return this.db.get<{ owner: string }>("SELECT owner FROM cubes WHERE id = ?", id)?.owner;
  }

  renew(id: string, { owner, expiresMs = null }: { owner: string; expiresMs?: number | null }): void {
    const sql = `UPDATE cubes SET owner = iif(? IS NULL, ?, owner), expires_ms = ?
      WHERE id = ? AND expires_ms IS NOT NULL`;
    this.db.run(sql, expiresMs, owner, expiresMs, id);
  }

  expired(nowMs: number): string[] {
    return this.db.all<{ id: string }>("SELECT id FROM cubes WHERE expires_ms <= ?", nowMs).map((row) => row.id);
  }

  isExpired(id: string, nowMs: number): boolean {
    return this.db.get("SELECT 1 FROM cubes WHERE id = ? AND expires_ms <= ?", id, nowMs) !== undefined;
  }

  #insert(record: CubeRecord, { optionsKey, owner, expiresMs }: CubeAdmission): boolean {
    const [rows, cols, points] = record.shape;
    const changed = this.db.run(
      `INSERT INTO cubes (id, sha256, options_key, owner, stored_bytes, expires_ms, record) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (sha256, options_key) DO NOTHING`,
      ...[record.id, record.sha256, optionsKey, owner],
      ...[record.sizeBytes + 4 * rows * cols * points, expiresMs ?? null, JSON.stringify(record)],
    );
    return changed === 1;
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
