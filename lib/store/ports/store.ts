import type { ExperimentStore } from "./experiment_store.ts";
import type { IdempotencyPort } from "../../schemas/idempotency.ts";
import type { BlobStore } from "./blob_store.ts";
import type { CheckpointStore } from "./checkpoint_store.ts";
import type { CubeStore } from "./cube_store.ts";
import type { JobStore } from "./job_store.ts";
import type { KeyStore } from "./key_store.ts";
import type { ModelStore } from "./model_store.ts";
import type { ResultCache } from "./result_cache.ts";
import type { UploadStore } from "./upload_store.ts";

/** Working space on this machine's own disk. */
export interface ScratchSpace {
  /** A new empty folder. Throws `disk_full`. */
  makeFolder(purpose: string): Promise<string>;
  /** Deletes such a folder, if it is still there. */
  discard(path: string): Promise<void>;
  freeBytes(): Promise<number>;
  /** Throws `disk_full` (unavailable) when so many bytes and a reserve do not fit. */
  requireFree(bytes: number): Promise<void>;
  /** The same for free bytes that are known already. */
  requireOf(freeBytes: number, bytes: number): void;
  /** Folders that worker processes may read, and those of them that they may write: for their permissions. */
  readonly readable: readonly string[];
  readonly writable: readonly string[];
}

/** Facts about the whole service that outlive it, such as `demo-added`. */
export interface FlagStore {
  has(name: string): Promise<boolean>;
  set(name: string, value: string): Promise<void>;
}

/** Everything that is stored, behind ports. A transaction is one method; two calls may interleave at every await. */
export interface Store {
  blobs: BlobStore;
  cubes: CubeStore;
  jobs: JobStore;
  checkpoints: CheckpointStore;
  models: ModelStore;
  idempotency: IdempotencyPort;
  keys: KeyStore;
  results: ResultCache;
  uploads: UploadStore;
  experiments: ExperimentStore;
  scratch: ScratchSpace;
  flags: FlagStore;
  close(): Promise<void>;
}
