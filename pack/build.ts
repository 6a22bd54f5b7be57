/**
 * `deno task compile`: one executable for machines like this one, `out/loopscope`. `deno compile` does not serve here: the
 * processes that read untrusted files get permissions of their own when they start, which a compiled program cannot
 * give. So this packs Deno itself with the program and every package behind a script that unpacks and starts them.
 */
const ROOT = new URL("../", import.meta.url).pathname;
const OUT = `${ROOT}out`;
/** What runs; tests, peers and the sources of what is built stay out. */
const PROGRAM = [
  ...["main.ts", "deno.json", "deno.lock", "LICENSE", "README.md", "lib", "models", "routes", "zoo"],
];
const ENTRIES = ["compute_worker", "analysis_worker", "ingest_worker"].map((name) => `lib/jobs/${name}.ts`);

if (import.meta.main) await pack();

async function pack(): Promise<void> {
  const stage = await Deno.makeTempDir({ prefix: "loopscope-pack-" });
  try {
    await stageProgram(stage);
    await Deno.mkdir(OUT, { recursive: true });
    await run("tar", ["--sort=name", "--owner=0", "--group=0", "-C", stage, "-czf", `${OUT}/pack.tar.gz`, "."]);
    await join(`${OUT}/pack.tar.gz`, `${OUT}/loopscope`);
    await Deno.remove(`${OUT}/pack.tar.gz`);
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
  const { size } = await Deno.stat(`${OUT}/loopscope`);
  console.log(`out/loopscope: ${Math.round(size / 1e6)} MB`);
}

/** `app/`, `cache/` with every package, and `deno`. */
async function stageProgram(stage: string): Promise<void> {
  await Deno.mkdir(`${stage}/app`);
  await run("cp", ["-R", ...PROGRAM.map((name) => `${ROOT}${name}`), `${stage}/app`]);
  await Deno.copyFile(Deno.execPath(), `${stage}/deno`);
  await Deno.chmod(`${stage}/deno`, 0o755);
  const entries = ["main.ts", "routes/cli/main.ts", "lib/schemas/name_data_folder.ts", ...ENTRIES];
  const args = ["cache", "-q", ...entries.map((name) => `${stage}/app/${name}`)];
  await run(Deno.execPath(), args, { DENO_DIR: `${stage}/cache` });
}

async function join(archive: string, executable: string): Promise<void> {
  const bytes = await Deno.readFile(archive);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 16);
  const version = /VERSION = "(.*?)"/.exec(await Deno.readTextFile(`${ROOT}main.ts`))![1];
  const script = (await Deno.readTextFile(new URL("start.sh", import.meta.url)))
    .replace("VERSION", version).replace("PLATFORM", Deno.build.target).replace("DIGEST", digest);
  const lines = script.split("\n").length;
  const whole = new Blob([script.replace("LINE", String(lines)), bytes]);
  await Deno.writeFile(executable, whole.stream(), { mode: 0o755 });
  await Deno.chmod(executable, 0o755);
}

async function run(command: string, args: string[], env: Record<string, string> = {}): Promise<void> {
  const { success } = await new Deno.Command(command, { args, env, stdout: "inherit", stderr: "inherit" }).output();
  if (!success) throw new Error(`${command} ${args[0]} failed`);
}
