interface WorkerScope {
  onmessage: ((event: MessageEvent<{ url: string; init: RequestInit; everyMs: number } | "stop">) => void) | null;
  postMessage(value: unknown): void;
}

/** Asks one address again and again in a thread of its own, so that nothing but the service delays the answers. */
const scope = self as unknown as WorkerScope;
let stopped = false;

scope.onmessage = ({ data }) => {
  if (data === "stop") stopped = true;
  else void watch(data.url, data.init, data.everyMs);
};

/** Milliseconds of each answer by status; status 0 where there was none. */
async function watch(url: string, init: RequestInit, everyMs: number): Promise<void> {
  const times: Record<number, number[]> = {};
  while (!stopped) {
    const startMs = performance.now();
    const status = await fetch(url, init).then(async (answer) => {
      await answer.arrayBuffer();
      return answer.status;
    }, () => 0);
    (times[status] ??= []).push(performance.now() - startMs);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  scope.postMessage(times);
}
