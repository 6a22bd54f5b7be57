import { type Clock, systemClock } from "../base/clock.ts";
import { conflict } from "../base/errors.ts";
import { type BlobStore, DiskBlobStore } from "./blob_store.ts";
import { CheckpointStore } from "./checkpoint_store.ts";
import { type CubeStore, DiskCubeStore } from "./cube_store.ts";
import { DataFolder, holdsAnything, RESTORING } from "./data_folder.ts";
import { Database } from "./database.ts";
import { exists } from "./durable.ts";
import { SqliteIdempotencyStore } from "./idempotency_store.ts";
import { type JobStore, SqliteJobStore } from "./job_store.ts";
import { SqliteKeyStore } from "./key_store.ts";
import { ModelStore } from "./model_store.ts";
import { DiskResultCache, type ResultCache } from "./result_cache.ts";
import { UploadStore } from "./upload_store.ts";

/** Everything that is kept, behind ports. */
export interface Store {
  folder: DataFolder;
  db: Database;
  blobs: BlobStore;
  cubes: CubeStore;
  jobs: JobStore;
  checkpoints: CheckpointStore;
  models: ModelStore;
  idempotency: SqliteIdempotencyStore;
  keys: SqliteKeyStore;
  results: ResultCache;
  uploads: UploadStore;
  close(): void;
}

export interface StoreOptions {
  /** `LOOPSCOPE_DATA` */
  root: string;
  /** The shipped models. */
  zooPath: string;
  clock?: Clock;
  /** Derived results kept on disk; default 4 GiB. */
  resultBytes?: number;
  /** Beside a running service: no lock, no sweep. */
  shared?: boolean;
  /** Alone, but what a killed process left stays where it is: for the doctor. */
  keepLeftOvers?: boolean;
  /** What uploads leave free on the disk; default 64 MiB. */
  reserveBytes?: number;
}

/**
 * Opens the data folder and sweeps what a killed process left: half-written things, folders and blobs without a record.
 * Throws `data_folder_in_use`, `schema_too_new`, `disk_full`.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { root, shared, reserveBytes, keepLeftOvers } = options;
  requireRecords(root);
  const folder = new DataFolder(root, { shared, reserveBytes, keepTmp: keepLeftOvers });
  let db: Database | undefined;
  try {
    db = folder.spare.use(() => new Database(folder.databasePath));
    return await openIn(folder, db, options);
  } catch (error) {
    db?.close();
    folder.close();
    throw error;
  }
}

async function openIn(folder: DataFolder, db: Database, options: StoreOptions): Promise<Store> {
  const { zooPath, clock = systemClock, shared = false, keepLeftOvers = false } = options;
  const cubeWithBytes = "SELECT 1 FROM cubes WHERE sha256 = ? LIMIT 1";
  const blobs = new DiskBlobStore(folder, (sha256) => db.get(cubeWithBytes, sha256) !== undefined);
  const cubes = new DiskCubeStore(db, folder, blobs);
  const uploads = new UploadStore(folder);
  if (!shared && !keepLeftOvers) {
    uploads.sweep();
    await sweep(folder, db, blobs);
    cubes.settleImages();
  }
  return {
    folder,
    db,
    blobs,
    cubes,
    jobs: new SqliteJobStore(db, folder.spare),
    checkpoints: new CheckpointStore(folder),
    models: new ModelStore(db, folder, zooPath),
    idempotency: new SqliteIdempotencyStore(db, clock),
    keys: new SqliteKeyStore(db, folder, clock),
    results: new DiskResultCache(folder, options.resultBytes ?? 4 * 2 ** 30, { shared }),
    uploads,
    close() {
      db.close();
      folder.close();
    },
  };
}

/** Without its records every file would be taken for a left-over, and swept. */
function requireRecords(root: string): void {
  if (exists(`${root}/${RESTORING}`) && !exists(`${root}/loopscope.db`)) {
    throw conflict("restore_unfinished", `A restore into ${root} was cut off: run it again`);
  }
  const size = exists(`${root}/loopscope.db`) ? Deno.statSync(`${root}/loopscope.db`).size : 0;
  if (size > 0 || !holdsAnything(root)) return;
  const message =
    `${root} has cubes or models and no records of them: put loopscope.db back, or restore a backup elsewhere`;
  throw conflict("records_missing", message);
}

/** Files come before their record and go after it: what has no record was never promised, or is deleted. */
async function sweep(folder: DataFolder, db: Database, blobs: BlobStore): Promise<void> {
  for (const { name } of Deno.readDirSync(`${folder.root}/cubes`)) {
    if (!db.get("SELECT 1 FROM cubes WHERE id = ?", name)) await folder.discard(folder.cubePath(name));
  }
  for (const { name } of Deno.readDirSync(`${folder.root}/jobs`)) {
    const active = db.get("SELECT 1 FROM jobs WHERE id = ? AND state IN ('queued', 'running')", name);
    if (!active) await folder.discard(folder.jobPath(name));
  }
  await blobs.sweep();
}
