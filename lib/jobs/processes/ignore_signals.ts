/**
 * For the entry of a worker. Ctrl-C in a terminal and a stop by systemd reach every process of the group, but the
 * service still needs its workers then, to finish running requests and to save a training. It ends them by closing
 * their stdin.
 */
export function ignoreSignals(): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, () => {});
}
