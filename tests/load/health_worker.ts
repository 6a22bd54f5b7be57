interface WorkerScope {
  onmessage: ((event: MessageEvent<{ url: string; everyMs: number } | "stop">) => void) | null;
  postMessage(value: unknown): void;
}

/** Asks one address again and again in a thread of its own, so that nothing but the service delays the answers. */
const scope = self as unknown as WorkerScope;
let stopped = false;

scope.onmessage = ({ data }) => {
  if (data === "stop") stopped = true;
  else void watch(data.url, data.everyMs);
};

async function watch(url: string, everyMs: number): Promise<void> {
  const times: number[] = [];
  let failed = 0;
  while (!stopped) {
    const startMs = performance.now();
    const ok = await fetch(url, { headers: { connection: "close" } })
      .then(async (answer) => (await answer.text()) !== "" && answer.ok, () => false);
    if (ok) times.push(performance.now() - startMs);
    else failed++;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  scope.postMessage({ times, failed });
}
