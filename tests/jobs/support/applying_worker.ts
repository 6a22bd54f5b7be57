// Stands for both processes behind a result: `apply` writes a file, `result` reads it and says how long it is.
import type { ApplyTask } from "../../../lib/jobs/processes/compute_tasks.ts";
import type { ResultTask } from "../../../lib/jobs/results/compute_result.ts";
import { serveCalls } from "../../../lib/jobs/processes/worker_channel.ts";

await serveCalls(
  {
    async apply(value) {
      await Deno.writeFile((value as unknown as ApplyTask).file, new Uint8Array(100));
      return null;
    },
    async result(value) {
      const { model } = value as unknown as ResultTask;
      return (await Deno.readFile(model!.applied)).length;
    },
    forever: (_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener("abort", reject)),
  },
  Deno.stdin.readable,
  Deno.stdout.writable,
);
