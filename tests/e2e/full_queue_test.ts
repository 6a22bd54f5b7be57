import { ndArray } from "../../lib/base/nd_array.ts";
import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { assertEquals } from "../support/assert.ts";
import { jobEnd, type RunningService, startService } from "../support/running_service.ts";
import { filmFile, smallJob, submitJob, uploadCube } from "../support/small_cube.ts";

/** Calls that may wait for the compute process. */
const FULL = 32;
const PATCHES = 100;
const PREDICTION = encodeNpy(ndArray(new Float32Array(PATCHES * 64).fill(1), [PATCHES, 8, 8])) as Uint8Array<
  ArrayBuffer
>;

async function waiting(service: RunningService): Promise<number> {
  const text = await service.fetch("/metrics").then((answer) => answer.text());
  return Number(/^loopscope_calls_waiting\{worker="compute"\} ([0-9]+)$/m.exec(text)?.[1]);
}

/** Strangers, each at an address of its own with one prediction, until told to go; refused ones ask again. */
function crowd(service: RunningService, size: number) {
  const gone = new AbortController();
  const ask = async (n: number) => {
    const headers = { "content-type": "application/x-npy", "x-forwarded-for": `10.0.0.${n}` };
    while (!gone.signal.aborted) {
      const answer = await service.fetch("/predict?model=simulated-film-im2spec", {
        ...{ method: "POST", body: PREDICTION, headers },
        signal: gone.signal,
      });
      await answer.body?.cancel();
    }
  };
  const asking = Array.from({ length: size }, (_, n) => ask(n + 1).catch(() => {}));
  return async () => {
    gone.abort();
    await Promise.all(asking);
  };
}

Deno.test("a job that was taken on is not refused for a crowd of strangers who wait", async () => {
  const service = await startService({
    environment: { LOOPSCOPE_TRUST_PROXY: "true", LOOPSCOPE_RATE_PER_MINUTE: "100000" },
  });
  try {
    const cube = await uploadCube(service, await filmFile(12, 12, 16));
    const goHome = crowd(service, 200);
    while (await waiting(service) < FULL) await new Promise((resolve) => setTimeout(resolve, 20));
    const { state, error } = await jobEnd(service, await submitJob(service, smallJob(cube.id, "promised")));
    assertEquals([state, error], ["succeeded", undefined]);
    await goHome();
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
});
