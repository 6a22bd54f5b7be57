import { type Clock, systemClock } from "../../base/clock.ts";
import { conflict, LoopscopeError } from "../../base/errors.ts";
import { exists } from "../durable.ts";
import type { Store } from "../ports/store.ts";
import { DataFolder, type DataFolderOptions, holdsAnything, RESTORING } from "./data_folder.ts";
import { Database } from "./database.ts";
import { DiskBlobStore } from "./disk_blob_store.ts";
import { DiskCheckpointStore } from "./disk_checkpoint_store.ts";
import { DiskResultCache } from "./disk_result_cache.ts";
import { DiskScratch } from "./disk_scratch.ts";
import { DiskUploadStore } from "./disk_upload_store.ts";
import { FileFlagStore } from "./file_flag_store.ts";
import { FolderModelStore } from "./folder_model_store.ts";
import { ModelFolders } from "./model_folders.ts";
import { SqliteCubeStore } from "./sqlite_cube_store.ts";
import { SqliteExperimentStore } from "./sqlite_experiment_store.ts";
import { SqliteIdempotencyStore } from "./sqlite_idempotency_store.ts";
import { SqliteJobStore } from "./sqlite_job_store.ts";
import { SqliteKeyStore } from "./sqlite_key_store.ts";

/** The ports on SQLite and one folder, and what only backup, restore and the doctor may touch. */
export interface EmbeddedStore extends Store {
  folder: DataFolder;
  db: Database;
  blobs: DiskBlobStore;
  cubes: SqliteCubeStore;
  keys: SqliteKeyStore;
  checkpoints: DiskCheckpointStore;
  results: DiskResultCache;
  uploads: DiskUploadStore;
  modelFolders: ModelFolders;
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
 * Throws `data_folder_in_use`, `data_folder_unwritable`, `schema_too_new`, `disk_full`.
 */
export async function openEmbeddedStore(options: StoreOptions): Promise<EmbeddedStore> {
  const { root, shared, reserveBytes, keepLeftOvers } = options;
  const folder = openFolder(root, { shared, reserveBytes, keepTmp: keepLeftOvers });
  let db: Database | undefined;
  try {
    db = folder.reserve.use(() => new Database(folder.databasePath));
    return await openIn(folder, db, options);
  } catch (error) {
    db?.close();
    folder.close();
    throw error;
  }
}

/** Throws `data_folder_unwritable` (conflict) with the way out: the first thing that a new user may run into. */
function openFolder(root: string, options: DataFolderOptions): DataFolder {
  try {
    requireRecords(root);
    return new DataFolder(root, options);
  } catch (error) {
    if (error instanceof LoopscopeError || (error as { code?: string }).code === "ENOSPC") throw error;
    const message = `The data folder ${root} cannot be made or written; ` +
      "make it first, for the user who runs the service, or name another with LOOPSCOPE_DATA";
    throw new LoopscopeError("conflict", "data_folder_unwritable", message, { cause: error });
  }
}

async function openIn(folder: DataFolder, db: Database, options: StoreOptions): Promise<EmbeddedStore> {
  const { zooPath, clock = systemClock, shared = false, keepLeftOvers = false } = options;
  const cubeWithBytes = "SELECT 1 FROM cubes WHERE sha256 = ? LIMIT 1";
  const blobs = new DiskBlobStore(folder, (sha256) => db.get(cubeWithBytes, sha256) !== undefined);
  const cubes = new SqliteCubeStore(db, folder, blobs);
  const modelFolders = new ModelFolders(db, folder, zooPath);
  const uploads = new DiskUploadStore(folder);
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
    jobs: new SqliteJobStore(db, folder.reserve),
    checkpoints: new DiskCheckpointStore(folder),
    models: new FolderModelStore(modelFolders),
    modelFolders,
    idempotency: new SqliteIdempotencyStore(db, clock),
    keys: new SqliteKeyStore(db, folder, clock),
    results: new DiskResultCache(folder, options.resultBytes ?? 4 * 2 ** 30, { shared }),
    uploads,
    experiments: new SqliteExperimentStore(db),
    scratch: new DiskScratch(folder),
    flags: new FileFlagStore(folder),
    // deno-lint-ignore require-await
    async close() {
      cubes.close();
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
async function sweep(folder: DataFolder, db: Database, blobs: DiskBlobStore): Promise<void> {
  for (const { name } of Deno.readDirSync(`${folder.root}/cubes`)) {
    if (!db.get("SELECT 1 FROM cubes WHERE id = ?", name)) await folder.discard(folder.cubePath(name));
  }
  for (const { name } of Deno.readDirSync(`${folder.root}/jobs`)) {
    const active = db.get("SELECT 1 FROM jobs WHERE id = ? AND state IN ('queued', 'running')", name);
    if (!active) await folder.discard(folder.jobPath(name));
  }
  await blobs.sweep();
}
