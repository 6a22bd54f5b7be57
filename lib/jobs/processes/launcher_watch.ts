/**
 * Prints `gone` and ends when the process that launched $1 has ended, which then has another parent; ends silently
 * when $2 has ended. Only below `npx` (which sets npm_command): it does not pass signals on, so that killing it would
 * leave the service running.
 */
const SCRIPT = `
[ "$npm_command" = exec ] || exit 0
parent_of() {
  if [ -r "/proc/$1/stat" ]; then read -r line < "/proc/$1/stat" && set -- \${line##*) } && echo "$2"
  else ps -o ppid= -p "$1" | tr -d ' '
  fi
}
launcher=$(parent_of "$1") || exit 0
[ "\${launcher:-1}" -gt 1 ] || exit 0
while kill -0 "$2" 2>/dev/null; do
  [ "$(parent_of "$1")" = "$launcher" ] || { echo gone; exit 0; }
  sleep 1
done
`;

/** Calls back when the `npx` that started this process was killed. Does nothing where another program started it. */
export function watchLauncher(onGone: () => void): { close(): void } {
  let watcher: Deno.ChildProcess;
  try {
    const args = ["-c", SCRIPT, "sh", String(Deno.ppid), String(Deno.pid)];
    watcher = new Deno.Command("sh", { args, stdin: "null", stdout: "piped", stderr: "null" }).spawn();
  } catch {
    return { close() {} }; // no shell, or no permission for one: nothing to watch with
  }
  watcher.unref();
  void new Response(watcher.stdout).text().then((text) => text.startsWith("gone") && onGone(), () => {});
  return {
    close() {
      try {
        watcher.kill();
      } catch {
        // It has ended already.
      }
    },
  };
}
