import { Ballast } from "../load/ballast.ts";
import { fullDisk } from "../load/full_disk.ts";
import { sleep } from "../load/watch.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { jobEnd, startService } from "../support/running_service.ts";
import { canMountSmallDisk, smallDisk } from "../support/small_disk.ts";
import { filmFile, smallJob, submitJob, uploadCube } from "../support/small_cube.ts";

const ignore = !await canMountSmallDisk();
const skipped = ignore ? " (skipped: no small disk can be mounted)" : "";

Deno.test({
  name: `a disk that others fill under mixed load: nothing acknowledged is lost, no answer but a clear one${skipped}`,
  ignore,
  async fn() {
    const { ledger, refused } = await fullDisk({ rounds: 2, seed: 3 });
    const { uploads, jobs, predictions } = ledger.counts;
    assert.ok(uploads > 0 && jobs > 0 && predictions > 0 && refused > 0, `${ledger.summary()}, ${refused} refused`);
  },
});

Deno.test({
  name: `a model waits for room, a service starts without any, and both go on when there is some${skipped}`,
  ignore,
  async fn() {
    await using disk = await smallDisk(160);
    const dataFolder = `${disk!.path}/data`;
    const ballast = new Ballast(disk!.path);
    const first = await startService({ dataFolder });
    const { id } = await uploadCube(first, await filmFile(12, 12, 8));
    const job = await submitJob(first, smallJob(id, "waits", { epochs: 300 }));
    ballast.fill(0);
    while (!first.log.some((line) => line.includes("model_waits_for_room"))) await sleep(50);
    assertEquals((await first.json(`/v1/jobs/${job}`)).state, "running");
    ballast.remove();
    assertEquals((await jobEnd(first, job)).state, "succeeded");
    ballast.fill(0);
    await first.kill();
    const second = await startService({ dataFolder });
    const cubes = await second.json<{ items: { id: string }[] }>("/v1/cubes");
    for (const { id } of cubes.items) {
      assertEquals((await second.fetch(`/v1/cubes/${id}`, { method: "DELETE" })).status, 204);
    }
    ballast.remove();
    await uploadCube(second, await filmFile(12, 12, 8));
    await second.stop();
  },
});
