import type { Log } from "../base/log.ts";
import { ndArray, type ResultTree } from "../base/nd_array.ts";
import type { Runtime } from "./runtime.ts";

/** Written into a data folder that has had the demo cube: whoever deletes the cube does not get it back. */
const MARK = "demo-added";

/** Gives a new data folder the simulated film, by the same way as any upload. */
export async function addDemoCube({ store, analysis, services }: Runtime, log: Log): Promise<void> {
  const mark = `${store.folder.root}/${MARK}`;
  try {
    Deno.statSync(mark);
    return;
  } catch {
    // A new data folder.
  }
  const file = await analysis.call("demo", null) as ResultTree & ReturnType<typeof ndArray>;
  const caller = { id: "service", requestId: "demo", signal: new AbortController().signal };
  const bytes = ReadableStream.from([file.data as Uint8Array]);
  const { cube } = await services.cubes.add(bytes, { name: "Simulated ferroelectric film" }, caller);
  Deno.writeTextFileSync(mark, cube.id + "\n");
  log.info("demo_cube_added", { cube: cube.id });
}
