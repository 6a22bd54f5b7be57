// Runs the jobs of a data folder until it is killed: each counts to EPOCHS, saves every count as a checkpoint, and adds
// a model version whose weights are what was counted. Prints a line when it has started and one for each job that ended.
import { systemClock } from "../../../lib/base/clock.ts";
import { createLog } from "../../../lib/base/log.ts";
import { StoredJobQueue } from "../../../lib/jobs/queue/job_queue.ts";
import { JobRunner } from "../../../lib/jobs/queue/job_runner.ts";
import { openEmbeddedStore } from "../../../lib/store/embedded/open_embedded_store.ts";
import { progressAt } from "../../contracts/record_store_contract.ts";
import { writeModel } from "../../support/stored_model.ts";

export const EPOCHS = 6;

function say(word: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${word}\n`));
}

if (import.meta.main) {
  const store = await openEmbeddedStore({ root: Deno.args[0], zooPath: "" });
  const queue = new StoredJobQueue(store.jobs, systemClock, (job) => say(job.id));
  const runner = new JobRunner({
    queue,
    store: store.jobs,
    checkpoints: store.checkpoints,
    clock: systemClock,
    log: createLog(() => {}),
    lanes: [{ kinds: ["train"], concurrency: 2 }],
    async execute(job, { checkpoint, onEpoch, onCheckpoint }) {
      const counted = [...checkpoint ?? []];
      while (counted.length < EPOCHS) {
        counted.push(counted.length + 1);
        await new Promise((resolve) => setTimeout(resolve, 5));
        onEpoch(progressAt(counted.length));
        await onCheckpoint(Uint8Array.from(counted));
      }
      const write = (folder: string, version: number) => writeModel(folder, "film", version, Uint8Array.from(counted));
      return { model: "film", version: await store.models.add("film", write, { madeBy: job.id }) };
    },
  });
  runner.start();
  say("started");
}
