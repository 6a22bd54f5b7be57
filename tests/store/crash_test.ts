import { createRandom } from "../../lib/base/random.ts";
import { checkDataFolder } from "../../lib/store/maintenance/check_data_folder.ts";
import { openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
import { assert, assertEquals } from "../support/assert.ts";
import type { CrashAction } from "./support/crash_writer.ts";
import { checkPromises, Promises } from "./support/promises.ts";

/** `CRASH_ROUNDS=500` for the long run. */
const ROUNDS = Number(Deno.env.get("CRASH_ROUNDS") ?? 15);

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

Deno.test(`killed ${ROUNDS} times at any moment, nothing acknowledged is lost and nothing half-written is listed`, async () => {
  const root = await Deno.makeTempDir();
  const random = createRandom(20);
  const promised = new Promises();
  let actions = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const { done, unsure } = await runAndKill(root, round, random.uniform() * 150);
    actions += done.length;
    done.forEach((action) => promised.keep(action));
    const store = await openEmbeddedStore({ root, zooPath: `${root}/no-zoo` });
    if (unsure) await promised.settle(store, unsure);
    await checkPromises(store, promised);
    for await (const finding of checkDataFolder(store, { deep: true })) assert.fail(JSON.stringify(finding));
    for (const id of await store.jobs.inState("running")) await store.jobs.update(id, "running", { state: "queued" });
    await store.close();
  }
  assert.ok(actions > ROUNDS, `only ${actions} actions were done in ${ROUNDS} rounds`);
  await Deno.remove(root, { recursive: true });
});
