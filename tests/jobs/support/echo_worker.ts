import { LoopscopeError } from "../../../lib/base/errors.ts";
import { serveCalls } from "../../../lib/jobs/processes/worker_channel.ts";

await serveCalls(
  {
    echo: (value) => Promise.resolve(value),
    fail: () => Promise.reject(new LoopscopeError("unprocessable", "too_odd", "Received 3; expected an even number")),
    count: async (value, { progress }) => {
      for (let i = 1; i <= Number(value); i++) await Promise.resolve(progress(i));
      return "counted";
    },
    forever: (_, { signal, progress }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          progress("stopped");
          reject(signal.reason);
        });
      }),
    spin: () => {
      // Deaf to cancellation, as a long numerical loop is.
      while (true);
    },
    die: () => Deno.exit(7),
  },
  Deno.stdin.readable,
  Deno.stdout.writable,
);
