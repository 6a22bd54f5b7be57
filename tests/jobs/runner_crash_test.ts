import { createRandom } from "../../lib/base/random.ts";
import { checkDataFolder } from "../../lib/store/maintenance/check_data_folder.ts";
import { type EmbeddedStore, openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
import { trainRequest } from "../contracts/record_store_contract.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { EPOCHS } from "./support/crash_runner.ts";

const JOBS = 10;
const MOST_ROUNDS = 200;

/** Runs the jobs and kills the process a while after it has started; returns the jobs that it said had ended. */
async function runAndKill(root: string, afterMs: number): Promise<string[]> {
  const entry = new URL("support/crash_runner.ts", import.meta.url).href;
  const args = ["run", "-q", "-A", "--no-check", entry, root];
  const runner = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
  let text = "", timer: ReturnType<typeof setTimeout> | undefined;
  for await (const part of runner.stdout.pipeThrough(new TextDecoderStream())) {
    timer ??= setTimeout(() => runner.kill("SIGKILL"), afterMs);
    text += part;
  }
  await runner.status;
  return text.split("\n").slice(1, -1);
}

async function expectEnded(store: EmbeddedStore, ids: Iterable<string>): Promise<void> {
  for (const id of ids) {
    const { state, result } = (await store.jobs.get(id))!;
    assertEquals([state, result?.model], ["succeeded", "film"]);
    assertEquals(await store.models.madeBy(id), { name: "film", version: result!.version! });
    assertEquals(
      [...await store.models.weights("film", result!.version!)],
      Array.from({ length: EPOCHS }, (_, i) => i + 1),
    );
  }
}

Deno.test("jobs end once each, with one version each, however often their process is killed", async () => {
  const root = await Deno.makeTempDir();
  const random = createRandom(7);
  const ended = new Set<string>();
  const first = await openEmbeddedStore({ root, zooPath: "" });
  for (let i = 0; i < JOBS; i++) {
    await first.jobs.insert(`job_${i}`, trainRequest(), { caller: "a", priority: 5, createdMs: 0 });
  }
  await first.close();
  for (let round = 0; ended.size < JOBS; round++) {
    assert.ok(round < MOST_ROUNDS, `only ${ended.size} of ${JOBS} jobs ended in ${round} rounds`);
    for (const id of await runAndKill(root, random.uniform() * 150)) ended.add(id);
    const store = await openEmbeddedStore({ root, zooPath: "" });
    await expectEnded(store, ended);
    // A job may have ended without having said so any more.
    for (const { id } of (await store.jobs.list({ limit: JOBS, state: "succeeded" })).items) ended.add(id);
    assert.ok(((await store.models.find("film"))?.versions.length ?? 0) <= JOBS);
    for await (const finding of checkDataFolder(store, { deep: true })) assert.fail(JSON.stringify(finding));
    await store.close();
  }
  const store = await openEmbeddedStore({ root, zooPath: "" });
  await expectEnded(store, ended);
  assertEquals((await store.models.get("film")).versions.length, JOBS);
  assertEquals([...Deno.readDirSync(`${root}/jobs`)], []);
  await store.close();
  await Deno.remove(root, { recursive: true });
});
