import { type ErrorJson, errorToJson } from "../base/errors.ts";
import { asStoreError } from "../store/disk_error.ts";
import { ingestCube, type IngestTask } from "./ingest/ingest_cube.ts";
import { ignoreSignals } from "./processes/ignore_signals.ts";
import { ingestMap, type IngestMapTask } from "./ingest/ingest_map.ts";

/**
 * Entry of the parsing process: one untrusted file becomes one cube (or, with `map`, one image channel) in a folder.
 * It is given read permission for that file and write permission for that folder, nothing else. Each line of stdout is
 * a sign of life, the last one the answer.
 */
async function main(argument: string): Promise<{ ok: true } | { ok: false; error: ErrorJson }> {
  try {
    const task = JSON.parse(argument) as IngestTask & Partial<IngestMapTask>;
    if (task.map) await ingestMap({ ...task, map: task.map });
    else await ingestCube({ ...task, onProgress: () => console.log("{}") });
    return { ok: true };
  } catch (error) {
    return { ok: false, error: errorToJson(asStoreError(error)) };
  }
}

/** The service holds the other end of stdin: once it has died, the result is not needed. */
async function endWithService(): Promise<never> {
  for await (const _ of Deno.stdin.readable);
  Deno.exit(1);
}

if (import.meta.main) {
  ignoreSignals();
  void endWithService();
  const answer = await main(Deno.args[0]);
  console.log(JSON.stringify(answer));
  Deno.exit(0);
}
