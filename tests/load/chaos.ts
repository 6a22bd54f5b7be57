import { createRandom } from "../../lib/base/random.ts";
import { startService } from "../support/running_service.ts";
import { examine } from "./examine.ts";
import { Ledger } from "./ledger.ts";
import { MIXED_WORK, unexpected, workUntil } from "./mixed_work.ts";
import { sleep } from "./watch.ts";

export interface ChaosOptions {
  rounds: number;
  seed?: number;
  say?: (line: string) => void;
}

const MOST_MS = 4000;

/**
 * Rounds of kill -9 at a random moment under uploads, deletes, jobs, cancels, aliases and predictions, all on one data
 * folder. After each the folder is examined: nothing wrong, all that was acknowledged there and equal, nothing else half
 * there. Throws at the first fault. Returns how many requests were acknowledged.
 */
export async function chaos({ rounds, seed = 1, say = () => {} }: ChaosOptions): Promise<Ledger> {
  const dataFolder = await Deno.makeTempDir({ prefix: "loopscope-chaos-" });
  const random = createRandom(seed);
  const ledger = new Ledger();
  try {
    for (let round = 1; round <= rounds; round++) {
      const service = await startService({ dataFolder });
      const stopped = { now: false };
      const work = workUntil(stopped, MIXED_WORK, {
        ...{ service, ledger, random },
        onRefusal(refusal) {
          if (refusal.what === "upload" || refusal.what === "alias") throw unexpected(service, refusal);
        },
      });
      // The first round has time for something to be acknowledged.
      await sleep(round === 1 ? 2 * MOST_MS : random.uniform() * MOST_MS);
      await service.kill();
      stopped.now = true;
      await work;
      await examine(dataFolder, ledger);
      if (round % 10 === 0) say(`${round} rounds, ${ledger.summary()}`);
    }
    return ledger;
  } finally {
    await Deno.remove(dataFolder, { recursive: true });
  }
}
