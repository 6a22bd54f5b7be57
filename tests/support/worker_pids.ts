/** Processes that a service started for an entry such as `compute_worker`. */
export function workerPids(servicePid: number, entry: string): number[] {
  const pids: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const [, parent] = /\) \S+ ([0-9]+)/.exec(Deno.readTextFileSync(`/proc/${name}/stat`)) ?? [];
      const isWorker = Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(entry);
      if (Number(parent) === servicePid && isWorker) pids.push(Number(name));
    } catch {
      // It has ended meanwhile.
    }
  }
  return pids;
}
