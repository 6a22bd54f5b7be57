/** A service's refusal, in its own words. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";

  constructor(readonly status: number, readonly code: string, detail: string) {
    super(`${detail} (${status} ${code})`);
  }
}

export interface ClientOptions {
  url: string;
  key?: string;
}

/** A restart takes a few seconds. */
const RETRIES = 30;
const RETRY_MS = 1000;

export type Json = Record<string, unknown>;

/** The public API and nothing else: what any script can do. */
export class Client {
  readonly #url: string;
  readonly #key?: string;

  /** Throws for what is no address of a service. */
  constructor({ url, key }: ClientOptions) {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
      throw new Error(`Received the address ${url}; expected one such as http://127.0.0.1:8080`);
    }
    this.#url = url.replace(/\/+$/, "");
    this.#key = key;
  }

  /** Throws ServiceError for every answer that is not 2xx. */
  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#key) headers.set("Authorization", `Bearer ${this.#key}`);
    const answer = await fetch(this.#url + path, { ...init, headers }).catch((cause) => {
      throw new Error(`No answer from ${this.#url}: is the service running?`, { cause });
    });
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({})) as { code?: string; detail?: string };
    const hint = answer.status === 401 ? ": set LOOPSCOPE_KEY, or add --key KEY" : "";
    throw new ServiceError(answer.status, problem.code ?? "unknown", (problem.detail ?? answer.statusText) + hint);
  }

  async get(path: string): Promise<Json> {
    return await (await this.request(path)).json();
  }

  /** Items of a list, over all its pages. */
  async *list(path: string): AsyncGenerator<Json> {
    let query = "";
    do {
      const { items, nextCursor } = await this.get(path + query) as { items: Json[]; nextCursor?: string };
      yield* items;
      query = nextCursor === undefined ? "" : `?cursor=${encodeURIComponent(nextCursor)}`;
    } while (query !== "");
  }

  async post(path: string, body: Json): Promise<Json> {
    const headers = { "Content-Type": "application/json" };
    return await (await this.request(path, { method: "POST", body: JSON.stringify(body), headers })).json();
  }

  /** A derived result; follows the job that computes it where it takes long. */
  async result(path: string, accept: string): Promise<Response> {
    while (true) {
      const answer = await this.request(path, { headers: { Accept: accept, Prefer: "wait=30" } });
      if (answer.status !== 202) return answer;
      const job = await answer.json() as { id: string };
      const { state, error } = await this.#jobEnd(job.id);
      if (state !== "succeeded") throw new Error(`The result could not be computed: ${error?.detail ?? state}`);
    }
  }

  /** A job's server-sent events, from the first on; a cut connection is taken up again where it was. */
  async *events(job: string): AsyncGenerator<{ event: string; data: Json }> {
    let [last, failures] = ["0", 0];
    while (true) {
      try {
        const path = `/v1/jobs/${encodeURIComponent(job)}/events`;
        const answer = await this.request(path, { headers: { "Last-Event-ID": last } });
        for await (const { id, event, data } of readEvents(answer.body!)) {
          [last, failures] = [id, 0];
          yield { event, data };
          if (event === "done") return;
        }
      } catch (error) {
        // A service that is being started again goes on with the job; any other refusal is final.
        const isStopping = !(error instanceof ServiceError) || error.status === 503;
        if (!isStopping || last === "0" || ++failures > RETRIES) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  async #jobEnd(id: string): Promise<{ state: string; error?: { detail: string } }> {
    for await (const { event, data } of this.events(id)) {
      if (event === "done") return data as { state: string; error?: { detail: string } };
    }
    throw new Error(`Job ${id} has no end`);
  }
}

async function* readEvents(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
  let rest = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map(
        block.split("\n").map((line) => {
          const at = line.indexOf(":");
          return [line.slice(0, at), line.slice(at + 1).trimStart()] as const;
        }),
      );
      const [event, data] = [fields.get("event"), fields.get("data")];
      if (event && data) yield { id: fields.get("id") ?? "0", event, data: JSON.parse(data) as Json };
    }
  }
}
