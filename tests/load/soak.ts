import { type RunningService, startService } from "../support/running_service.ts";
import { filmFile, smallJob, trainModel, uploadCube } from "../support/small_cube.ts";
import { footprintOf } from "./watch.ts";

const AT_ONCE = 32;
const PREDICTIONS_A_JOB = 500;

/** So many predictions, and a training job for every 500 of them; says memory, descriptors and disk as it goes. */
export async function soak(predictions: number): Promise<void> {
  const service = await startService();
  try {
    const cube = await uploadCube(service, await filmFile(16, 16, 16));
    const jobs = Math.ceil(predictions / PREDICTIONS_A_JOB);
    for (let job = 0; job <= jobs; job++) {
      if (job % Math.ceil(jobs / 10) === 0) {
        const database = sizeKiB(`${service.dataFolder}/loopscope.db`) +
          sizeKiB(`${service.dataFolder}/loopscope.db-wal`);
        const done = { predictions: job * PREDICTIONS_A_JOB, jobs: job };
        console.log(JSON.stringify({ ...done, ...footprintOf(service), databaseKiB: database }));
      }
      if (job === jobs) break;
      await Promise.all([trainModel(service, smallJob(cube.id, "soak", { epochs: 2 })), predictMany(service)]);
      await service.fetch(`/v1/models/soak/versions/${job}`, { method: "DELETE" }).then((answer) =>
        answer.body?.cancel()
      );
    }
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
}

async function predictMany(service: RunningService): Promise<void> {
  const inputs = Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_, j) => i + j));
  const body = JSON.stringify({ model: "simulated-film-im2spec@1", inputs });
  const headers = { "content-type": "application/json" };
  let left = PREDICTIONS_A_JOB;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) await service.json("/predict", { method: "POST", body, headers });
  }));
}

function sizeKiB(path: string): number {
  return Math.round(Deno.statSync(path).size / 1024);
}
