import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Store } from "../store/open_store.ts";
import type { CubeService } from "./services.ts";

export interface SweepOptions {
  store: Store;
  cubes: CubeService;
  clock: Clock;
  log: Log;
  /** How long what visitors trained is kept. */
  keepModelsMs: number;
}

/**
 * Removes what visitors of a public demo left longer ago than it is kept, and uploads that were never finished; what a job
 * still uses waits for the next sweep. Never throws: what could not be done is in the log.
 */
export async function sweepExpired(options: SweepOptions): Promise<void> {
  try {
    await sweep(options);
  } catch (error) {
    options.log.error("sweep_failed", { error: String(error) });
  }
}

async function sweep({ store, cubes, clock, log, keepModelsMs }: SweepOptions): Promise<void> {
  const nowMs = clock.nowMs();
  const uploads = store.uploads.expire(nowMs);
  if (uploads > 0) log.info("uploads_expired", { count: uploads });
  for (const id of store.cubes.expired(nowMs)) {
    // While others were removed it may have been uploaded again.
    if (!store.cubes.isExpired(id, nowMs)) continue;
    await settle(() => cubes.remove(id), (removed, reason) => log.info("cube_expired", { cube: id, removed, reason }));
  }
  for (const { name, version } of store.models.madeByCallers("visitor:", nowMs - keepModelsMs)) {
    const using = store.jobs.activeUsing({ model: `${name}@${version}` });
    if (using.length > 0) continue;
    await settle(
      () => store.models.removeVersion(name, version),
      (removed, reason) => log.info("model_expired", { name, version, removed, reason }),
    );
  }
}

async function settle(remove: () => Promise<void>, tell: (removed: boolean, reason?: string) => void): Promise<void> {
  try {
    await remove();
    tell(true);
  } catch (error) {
    tell(false, (error as Error).message);
  }
}
