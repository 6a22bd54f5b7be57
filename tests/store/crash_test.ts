import { createHash } from "node:crypto";
import { createRandom } from "../../lib/base/random.ts";
import { checkDataFolder } from "../../lib/store/check_data_folder.ts";
import { openCubeFile } from "../../lib/store/cube_file.ts";
import { openStore, type Store } from "../../lib/store/open_store.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { bytesOfCube, type CrashAction } from "./support/crash_writer.ts";

/** `CRASH_ROUNDS=500` for the long run. */
const ROUNDS = Number(Deno.env.get("CRASH_ROUNDS") ?? 25);

/** What has been promised so far; `unsure` is the one action that was cut off. */
class Promises {
  readonly cubes = new Set<string>();
  readonly versions = new Set<number>();
  readonly jobs = new Map<string, "queued" | "succeeded">();
  readonly answers = new Set<string>();
  alias?: number;

  keep(action: CrashAction): void {
    if (action.kind === "cube") this.cubes.add(action.id);
    if (action.kind === "removeCube") this.cubes.delete(action.id);
    if (action.kind === "model") this.versions.add(action.version!);
    if (action.kind === "removeModel") this.versions.delete(action.version);
    if (action.kind === "alias") this.alias = action.version;
    if (action.kind === "job") this.jobs.set(action.id, "queued");
    if (action.kind === "endJob") this.jobs.set(action.id, "succeeded");
    if (action.kind === "answer") this.answers.add(action.key);
  }

  /** The action that was cut off is there wholly or not at all: finds out which, and counts it as promised if so. */
  settle(store: Store, unsure: CrashAction): void {
    if (unsure.kind === "model") unsure.version = store.models.madeBy(unsure.job)?.version;
    const happened = {
      cube: () => store.cubes.get((unsure as { id: string }).id) !== undefined,
      removeCube: () => store.cubes.get((unsure as { id: string }).id) === undefined,
      model: () => unsure.kind === "model" && unsure.version !== undefined,
      removeModel: () => unsure.kind === "removeModel" && !store.models.find("film")?.versions.includes(unsure.version),
      alias: () => unsure.kind === "alias" && store.models.aliases.of("film").stable === unsure.version,
      job: () => store.jobs.get((unsure as { id: string }).id) !== undefined,
      endJob: () => store.jobs.get((unsure as { id: string }).id)?.state === "succeeded",
      answer: () => unsure.kind === "answer" && store.idempotency.begin("key:a", unsure.key).state === "done",
    };
    if (happened[unsure.kind]()) this.keep(unsure);
  }
}

/** Runs the writer, kills it after a while and returns what it said. */
async function runAndKill(root: string, round: number, afterMs: number) {
  const args = ["run", "-q", "-A", "--no-check", new URL("support/crash_writer.ts", import.meta.url).href];
  const writer = new Deno.Command(Deno.execPath(), { args: [...args, root, String(round)], stdout: "piped" }).spawn();
  let text = "", timer: ReturnType<typeof setTimeout> | undefined;
  for await (const part of writer.stdout.pipeThrough(new TextDecoderStream())) {
    timer ??= setTimeout(() => writer.kill("SIGKILL"), afterMs);
    text += part;
  }
  assertEquals((await writer.status).signal, "SIGKILL");
  const lines = text.split("\n").slice(0, -1).map((line) => JSON.parse(line) as { word: string; action: CrashAction });
  const last = lines.at(-1);
  const done = lines.filter((line) => line.word === "done").map((line) => line.action);
  return { done, unsure: last?.word === "begin" ? last.action : undefined };
}

async function checkPromises(store: Store, promised: Promises): Promise<void> {
  const cubes = store.cubes.list({ limit: 10_000 }).items;
  assertEquals(new Set(cubes.map((cube) => cube.id)), promised.cubes);
  for (const cube of cubes) {
    const reader = openCubeFile(store.cubes.folderOf(cube.id));
    assertEquals(reader.readSpectrum(1, 2), Float32Array.of(20, 21, 22, 23));
    reader.close();
    assertEquals(cube.sha256, createHash("sha256").update(bytesOfCube(cube.id)).digest("hex"));
  }
  const film = store.models.find("film");
  assertEquals(new Set(film?.versions), promised.versions);
  assertEquals(film?.aliases.stable, promised.versions.size > 0 ? promised.alias : undefined);
  for (const version of promised.versions) {
    assertEquals((await store.models.weights("film", version))[0], version % 256);
  }
  checkJobs(store, promised);
  for (const key of promised.answers) {
    const claim = store.idempotency.begin("key:a", key);
    assert.ok(claim.state === "done" && new TextDecoder().decode(claim.answer.body) === key);
  }
}

function checkJobs(store: Store, promised: Promises): void {
  assertEquals(new Set(store.jobs.list({ limit: 10_000 }).items.map((job) => job.id)), new Set(promised.jobs.keys()));
  for (const [id, state] of promised.jobs) {
    const job = store.jobs.get(id)!;
    if (state === "succeeded") assertEquals([job.state, job.history?.trainLoss], ["succeeded", [1, 1 / 2, 1 / 3]]);
    store.jobs.eventsAfter(id, 0).forEach((event, i) => assertEquals(event.sequence, i + 1));
  }
}

/** A checkpoint is whole: one value throughout. */
async function checkCheckpoints(store: Store): Promise<void> {
  for (const id of [...store.jobs.inState("queued"), ...store.jobs.inState("running")]) {
    const bytes = await store.checkpoints.load(id);
    if (bytes) assert.ok(bytes.length === 10_000 && bytes.every((byte) => byte === bytes[0]), id);
  }
}

Deno.test(`killed ${ROUNDS} times at any moment, nothing acknowledged is lost and nothing half-written is listed`, async () => {
  const root = await Deno.makeTempDir();
  const random = createRandom(20);
  const promised = new Promises();
  let actions = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const { done, unsure } = await runAndKill(root, round, random.uniform() * 150);
    actions += done.length;
    done.forEach((action) => promised.keep(action));
    const store = await openStore({ root, zooPath: `${root}/no-zoo` });
    if (unsure) promised.settle(store, unsure);
    await checkPromises(store, promised);
    await checkCheckpoints(store);
    for await (const finding of checkDataFolder(store, { deep: true })) assert.fail(JSON.stringify(finding));
    for (const id of store.jobs.inState("running")) store.jobs.update(id, "running", { state: "queued" });
    store.close();
  }
  assert.ok(actions > ROUNDS, `only ${actions} actions were done in ${ROUNDS} rounds`);
  await Deno.remove(root, { recursive: true });
});
