import { ndArray, type ResultTree } from "../base/nd_array.ts";
import { demoCube } from "../cube/demo_cube.ts";
import { writeNsid } from "../formats/write_nsid.ts";
import { computeResult, type ResultTask } from "./compute_result.ts";
import { leaveSignalsToService } from "./leave_signals_to_service.ts";
import { serveCalls } from "./worker_channel.ts";

/** Entry of an analysis process: derived results of stored cubes, one at a time. */
console.log = console.error;
leaveSignalsToService();
await serveCalls(
  {
    result: (value, context) => computeResult(value as unknown as ResultTask, context),
    async demo(): Promise<ResultTree> {
      const bytes = await writeNsid(demoCube().cube);
      return ndArray(bytes, [bytes.length]);
    },
  },
  Deno.stdin.readable,
  Deno.stdout.writable,
);
Deno.exit(0);
