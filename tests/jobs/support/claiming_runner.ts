// Takes jobs of a data folder, beside others that do the same, until there are none: works a moment on each, ends it, and
// prints a line `ID claimed` or `ID cancelled`. Arguments: the folder and a seed.
import { systemClock } from "../../../lib/base/clock.ts";
import { createRandom } from "../../../lib/base/random.ts";
import { StoredJobQueue } from "../../../lib/jobs/queue/job_queue.ts";
import { openEmbeddedStore } from "../../../lib/store/embedded/open_embedded_store.ts";
import { progressAt } from "../../contracts/record_store_contract.ts";

const [root, seed] = Deno.args;
const say = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
const store = await openEmbeddedStore({ root, zooPath: "", shared: true });
const queue = new StoredJobQueue(store.jobs, systemClock);
const random = createRandom(Number(seed));
say("ready");
await Deno.stdin.read(new Uint8Array(1)); // all begin together
for (let job = await queue.claim(["train"]); job; job = await queue.claim(["train"])) {
  say(`${job.id} claimed`);
  await new Promise((resolve) => setTimeout(resolve, random.uniform() * 3));
  await queue.recordEpochs(job.id, [progressAt(1)]);
  if (!await queue.apply(job.id, { type: "succeed" }, { model: seed, version: 1 })) say(`${job.id} cancelled`);
}
await store.close();
