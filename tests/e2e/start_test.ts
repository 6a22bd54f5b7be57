import { nameDataFolder } from "../../lib/schemas/name_data_folder.ts";
import { startMessages } from "../../lib/service/start_messages.ts";
import { assert, assertEquals } from "../support/assert.ts";

const ROOT = new URL("../../", import.meta.url);

interface Ended {
  code: number;
  out: string;
  err: string;
}

/** Runs main.ts to its end, in a data folder of its own. */
async function runMain(args: string[], environment: Record<string, string>): Promise<Ended> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "main.ts", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...environment },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("--help names the commands and starts nothing", async () => {
  const { code, out, err } = await runMain(["--help"], { LOOPSCOPE_PORT: "no port" });
  assertEquals([code, err], [0, ""]);
  for (const word of ["task start", "keys", "doctor", "backup", "restore"]) assert.ok(out.includes(word), word);
});

Deno.test("a port that another program uses is one plain line that names the setting", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const folder = await Deno.makeTempDir({ prefix: "loopscope-start-" });
  const environment = { LOOPSCOPE_DATA: folder, LOOPSCOPE_PORT: String(listener.addr.port) };
  const { code, err } = await runMain([], environment);
  assertEquals(code, 2);
  const line =
    `Port ${listener.addr.port} on 127.0.0.1 is in use by another program; choose another with LOOPSCOPE_PORT`;
  assertEquals(err.trim(), `loopscope: ${line}`);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a data folder that cannot be made is one plain line with the way out", async () => {
  const file = await Deno.makeTempFile();
  const { code, err } = await runMain([], { LOOPSCOPE_DATA: `${file}/data`, LOOPSCOPE_PORT: "0" });
  assertEquals(code, 2);
  assert.match(err, /^loopscope: The data folder .*\/data cannot be made or written; .* LOOPSCOPE_DATA\n$/);
  await Deno.remove(file);
});

Deno.test("a misspelt setting is told with the one that was meant", () => {
  assertEquals(nameDataFolder({ LOOPSCOPE_PROT: "1", LOOPSCOPE_PORT: "2", LOOPSCOPE_WHATEVER: "3" }), {
    folder: "./data",
    warnings: [
      "loopscope: there is no setting LOOPSCOPE_PROT; did you mean LOOPSCOPE_PORT?",
      "loopscope: there is no setting LOOPSCOPE_WHATEVER",
    ],
  });
});

Deno.test("a person at a terminal is told what runs, where, and what to open", () => {
  const engine = { name: "wasm", device: "2 threads" };
  const facts = { version: "1.2.3", engine, dataFolder: "./data", models: 4, url: "http://127.0.0.1:8080" };
  const text = startMessages(facts);
  for (const piece of ["1.2.3", "wasm (2 threads)", "./data", "4"]) assert.ok(text.includes(piece), piece);
  assert.match(text, /^Open http:\/\/127\.0\.0\.1:8080$/m);
});

/** The text that a process prints, until it holds `wanted`. */
async function readUntil(stream: ReadableStream<Uint8Array<ArrayBuffer>>, wanted: RegExp): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (wanted.test(text)) return text;
  }
  throw new Error(`The output ended without ${wanted}:\n${text}`);
}

Deno.test("the README's command, killed, takes the service with it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "loopscope-start-" });
  const npx = new Deno.Command("npx", {
    args: ["-y", "deno@2.9.6", "task", "start"],
    cwd: ROOT,
    env: { LOOPSCOPE_DATA: folder, LOOPSCOPE_PORT: "0", LOOPSCOPE_LOG: "text", NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const text = await readUntil(npx.stdout, /Open http:\S+\n/);
  const url = /http:\S+/.exec(text)![0];
  assertEquals(
    (await fetch(`${url}/healthz`).then((response) => response.body?.cancel().then(() => response)))?.status,
    200,
  );
  npx.kill("SIGTERM");
  await npx.status;
  for (let waits = 0; await isUp(url); waits++) {
    assert.ok(waits < 300, "the service still runs 30 s after its npx was killed");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await Deno.remove(folder, { recursive: true });
});

async function isUp(url: string): Promise<boolean> {
  try {
    await (await fetch(`${url}/healthz`)).body?.cancel();
    return true;
  } catch {
    return false;
  }
}
