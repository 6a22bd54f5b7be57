import { LoopscopeError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { ndArray, type ResultTree } from "../base/nd_array.ts";
import type { CubeRecord } from "../schemas/cube.ts";
import type { Runtime } from "./runtime.ts";

/** Set once the demo cube was added: it is not added again after it was deleted. */
const FLAG = "demo-added";

/** Gives a new data folder the simulated film, by the same way as any upload; where it is refused, a later start does. */
export async function addDemoCube(runtime: Runtime, log: Log): Promise<void> {
  const { flags } = runtime.store;
  if (await flags.has(FLAG)) return;
  try {
    const cube = await uploadFilm(runtime);
    await flags.set(FLAG, cube.id);
    log.info("demo_cube_added", { cube: cube.id });
  } catch (error) {
    if (!(error instanceof LoopscopeError)) throw error;
    log.warn("demo_cube_missing", { reason: error.message });
  }
}

async function uploadFilm({ analysis, services }: Runtime): Promise<CubeRecord> {
  const file = await analysis.call("demo", null) as ResultTree & ReturnType<typeof ndArray>;
  const caller = { id: "service", requestId: "demo", signal: new AbortController().signal };
  const bytes = ReadableStream.from([file.data as Uint8Array]);
  const { cube } = await services.cubes.add(bytes, { name: "Simulated ferroelectric film" }, caller);
  return cube;
}
