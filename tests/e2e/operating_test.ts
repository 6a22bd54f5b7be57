import { settingNames } from "../../lib/schemas/settings.ts";
import { assert, assertEquals } from "../support/assert.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

function operating(): string {
  return Deno.readTextFileSync(`${ROOT}README.md`).split("\n## Operating\n")[1].split("\n## ")[0];
}

/** The section's shell lines as one script, with its folders and its port replaced. */
function script(folder: string, port: number): string {
  const blocks = [...operating().matchAll(/<!-- operating -->\s+```sh\n([\s\S]*?)```/g)].map((block) => block[1]);
  const lines = blocks.join("\n")
    .replaceAll("/srv/", `${folder}/`)
    .replaceAll("/var/backups/", `${folder}/`)
    .replaceAll("127.0.0.1:8080", `127.0.0.1:${port}`);
  return `set -euo pipefail\nexport LOOPSCOPE_PORT=${port} PATH="${folder}/bin:$PATH" NO_COLOR=1\n${lines}`;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("the README's section for operators works as written", async () => {
  const folder = await Deno.makeTempDir({ prefix: "loopscope-operating-" });
  try {
    await Deno.mkdir(`${folder}/bin`);
    await Deno.symlink(Deno.execPath(), `${folder}/bin/deno`);
    const bash = new Deno.Command("bash", { args: ["-c", script(folder, freePort())], cwd: ROOT });
    const { success, stdout, stderr } = await bash.output();
    const text = new TextDecoder().decode(stdout);
    assert.ok(success, `${text.slice(-3000)}\n${new TextDecoder().decode(stderr).slice(-3000)}`);
    for (
      const piece of [
        '"code":"key_required"',
        '"items":[{',
        "read,predict,train",
        'loopscope_jobs{state="queued"} 0',
        "loopscope.tar: 1 cubes",
        "is restored into",
        '"publicUploads":true',
      ]
    ) assert.ok(text.includes(piece), `the section does not show ${piece}:\n${text}`);
    assertEquals(text.match(/No errors, \d+ notes/g)?.length, 3);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the section for operators names every setting", () => {
  const text = operating();
  // Short forms such as `_BYTES` stand after a full name of the same family.
  const named = (name: string) => text.includes(name) || text.includes(`\`_${name.split("_").at(-1)}\``);
  const later = ["LOOPSCOPE_ROLE", "LOOPSCOPE_DATABASE_URL", "LOOPSCOPE_STORAGE_URL"];
  assertEquals(settingNames.filter((name) => !named(name) && !later.includes(name)), []);
});
