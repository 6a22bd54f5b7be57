import type { Upload } from "../../schemas/upload.ts";
import type { CubeRecord } from "../../schemas/cube.ts";
import type { CubeAdmission, CubeStore, RemoveCubeOptions } from "./cube_store.ts";
import type { ModelStore } from "./model_store.ts";
import type { UnfinishedUploads } from "./upload_store.ts";

/*
 * The records behind ports whose bytes another adapter keeps: with objects in S3 the records stand in PostgreSQL. Each
 * method is one transaction. Bytes are whole before their record says so, and are deleted after it.
 */

/** Who needs an uploaded blob, over all processes. */
export interface BlobClaims {
  /** Keeps a blob until `release`, or until this process is gone. Waits while a removal of it is under way. */
  hold(sha256: string): Promise<void>;
  /** Ends one hold. Where no hold is left and no cube needs the bytes, `remove` runs before anyone else can hold them. */
  release(sha256: string, remove: () => Promise<void>): Promise<void>;
}

type SharedCubeMethods = "get" | "findByContent" | "list" | "rename" | "usage" | "ownerOf" | "expired" | "renew";

export interface CubeRecords extends Pick<CubeStore, SharedCubeMethods> {
  /** As `CubeStore.add` without the files: inserts the record, or renews the cube of the same bytes and options. */
  insert(record: CubeRecord, admission: CubeAdmission): Promise<{ cube: CubeRecord; created: boolean }>;
  /** As `CubeStore.remove` without the files; undefined when nothing was removed. */
  remove(id: string, options?: RemoveCubeOptions): Promise<CubeRecord | undefined>;
  /**
   * Stores what `change` makes of a record. No other change or removal of this cube comes in between, in any process.
   * Throws `cube_missing`.
   */
  change(id: string, change: (record: CubeRecord) => Promise<CubeRecord>): Promise<CubeRecord>;
}

/** What the records know of one model: nothing of shipped versions but their aliases. */
export interface ModelRecord {
  /** Published versions, ascending. */
  versions: number[];
  aliases: Record<string, number>;
  /** Grows with every change of an alias; 0 before the first. */
  revision: number;
}

/** Where a version's files lie. Two processes that make the same version write two places; one is published. */
export interface ModelPlace {
  /** Name of a folder that nothing else uses. */
  place: string;
  /** SHA-256 of each file. */
  digests: Record<string, string>;
}

export interface ModelRecords extends Pick<ModelStore, "madeBy" | "madeByCallers"> {
  /** Names of models with published versions. */
  names(): Promise<string[]>;
  find(name: string): Promise<ModelRecord>;
  /**
   * A version's number that was never used, above `shipped` too; the same one for a second call with `madeBy`. A version
   * that is reserved is not listed.
   */
  reserve(name: string, options: { shipped: number; madeBy?: string }): Promise<number>;
  /** Lists the version. False, and nothing is changed, when it is published already. */
  publish(name: string, version: number, place: ModelPlace): Promise<boolean>;
  /** Undefined for a version that is not published. */
  placeOf(name: string, version: number): Promise<ModelPlace | undefined>;
  /** Throws `version_in_use` as `ModelStore.removeVersion` does. Undefined when there was none. */
  remove(name: string, version: number): Promise<ModelPlace | undefined>;
  /** As `ModelStore.setAlias`; where `shipped`, the version needs no record. */
  setAlias(
    name: string,
    alias: string,
    version: number,
    options: { ifRevision?: number; ifAbsent?: boolean; shipped: boolean },
  ): Promise<void>;
  /** As `ModelStore.removeAlias`. */
  removeAlias(name: string, alias: string, ifRevision?: number): Promise<void>;
}

/** A part of an upload, in the order of its bytes. */
export interface UploadPiece {
  name: string;
  sizeBytes: number;
}

export interface UploadRecords {
  /** Atomic with `admit`, as `UploadStore.create`. */
  insert(upload: Omit<Upload, "offset">, admit?: (unfinished: UnfinishedUploads) => void): Promise<void>;
  /** `offset` is the size of its pieces, or of the whole once it became a cube. */
  get(id: string): Promise<Upload | undefined>;
  /** In order. */
  pieces(id: string): Promise<UploadPiece[]>;
  /** Compare-and-set: adds pieces to an upload that is at `offset`. False, and nothing is changed, otherwise. */
  append(id: string, offset: number, pieces: readonly UploadPiece[]): Promise<boolean>;
  /** Records the cube and forgets the pieces; of finished uploads only the newest `keep` stay. */
  finish(id: string, cube: string, keep: number): Promise<void>;
  remove(id: string): Promise<void>;
  /** Ids of uploads past their time that nobody has locked. */
  expired(nowMs: number): Promise<string[]>;
  /** Of uploads with these ids, those that have pieces or may get some. */
  unfinishedAmong(ids: readonly string[]): Promise<string[]>;
  /** Exclusive use over all processes, given up when this process is gone. Undefined while another has it. */
  lock(id: string): Promise<AsyncDisposable | undefined>;
}
