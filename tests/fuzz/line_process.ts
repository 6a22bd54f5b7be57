/** A child process that answers each line with a line, or is killed at its time limit. */
export class LineProcess {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;

  constructor(command: string, args: string[]) {
    this.#child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped", stderr: "null" }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = linesOf(this.#child.stdout);
  }

  /** The answer, "hang" after the time limit, or "crash" where the process has ended; it is of no use after either. */
  async ask(line: string, timeoutMs: number): Promise<{ answer: string } | "hang" | "crash"> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<"hang">((resolve) => timer = setTimeout(() => resolve("hang"), timeoutMs));
    try {
      await this.#writer.write(new TextEncoder().encode(line + "\n"));
      const result = await Promise.race([this.#lines.next(), late]);
      if (result === "hang") return "hang";
      return result.done ? "crash" : { answer: result.value };
    } catch {
      return "crash";
    } finally {
      clearTimeout(timer);
    }
  }

  async end(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
