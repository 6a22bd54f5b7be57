import { DataFolder } from "../../lib/store/embedded/data_folder.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

/** Another process that holds the folder until it is killed. */
async function holdElsewhere(root: string): Promise<Deno.ChildProcess> {
  const module = new URL("../../lib/store/embedded/data_folder.ts", import.meta.url);
  const code = `import { DataFolder } from "${module}"; const held = new DataFolder("${root}");
    console.log("held"); setInterval(() => held.root, 1000);`;
  const args = ["eval", "-q", "--no-check", code];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), "held\n");
  await reader.cancel();
  return child;
}

Deno.test("a data folder serves one process, and another after that was killed", async () => {
  const root = await Deno.makeTempDir();
  const child = await holdElsewhere(root);
  const error = await assertFailsWith("data_folder_in_use", () => new DataFolder(root));
  assert.ok(error.message.includes(root), error.message);
  new DataFolder(root, { shared: true }).close();
  child.kill("SIGKILL");
  await child.status;
  new DataFolder(root).close();
  await Deno.remove(root, { recursive: true });
});

Deno.test("opening empties tmp, unless the folder is shared", async () => {
  const root = await Deno.makeTempDir();
  const first = new DataFolder(root);
  Deno.writeTextFileSync(`${first.makeTmpFolder("half")}/file`, "half");
  new DataFolder(root, { shared: true }).close();
  assertEquals([...Deno.readDirSync(`${root}/tmp`)].length, 1);
  first.close();
  new DataFolder(root).close();
  assertEquals([...Deno.readDirSync(`${root}/tmp`)].length, 0);
  await Deno.remove(root, { recursive: true });
});

Deno.test("more space than the disk has is refused with both numbers", async () => {
  const root = await Deno.makeTempDir();
  const folder = new DataFolder(root);
  folder.requireFree(1);
  const error = await assertFailsWith("disk_full", () => folder.requireFree(2 ** 60));
  assert.match(error.message, new RegExp(`bytes free; expected ${2 ** 60}`));
  folder.close();
  await Deno.remove(root, { recursive: true });
});
