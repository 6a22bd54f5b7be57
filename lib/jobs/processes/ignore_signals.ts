/**
 * For a worker's entry. Ctrl-C in a terminal and systemd's stop reach every process of the group, and the service still
 * wants its workers then, to answer what runs and to save a training: it ends them itself by closing their stdin.
 */
export function ignoreSignals(): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, () => {});
}
