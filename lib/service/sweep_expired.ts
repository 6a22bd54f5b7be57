import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Store } from "../store/ports/store.ts";
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
  const uploads = await store.uploads.expire(nowMs);
  if (uploads > 0) log.info("uploads_expired", { count: uploads });
  for (const id of await store.cubes.expired(nowMs)) {
    // Unless it was uploaded again meanwhile.
    const remove = () => cubes.remove(id, { ifExpiredMs: nowMs });
    await settle(remove, (removed, reason) => log.info("cube_expired", { cube: id, removed, reason }));
  }
  for (const { name, version } of await store.models.madeByCallers("visitor:", nowMs - keepModelsMs)) {
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
