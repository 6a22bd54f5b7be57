import { assert } from "../support/assert.ts";
import { type RunningService, startService } from "../support/running_service.ts";
import { testWithShared } from "../support/shared.ts";

/** The README's shell lines of one walk-through as one script, against the running service. */
function walkThrough(name: string, service: RunningService): string {
  const readme = Deno.readTextFileSync(new URL("../../README.md", import.meta.url));
  const blocks = [...readme.matchAll(/<!-- walk-through: (\w+) -->\s+```sh\n([\s\S]*?)```/g)];
  const lines = blocks.filter((block) => block[1] === name).map((block) => block[2]).join("\n");
  // A refused request ends the script; the pipes that pick out ids would hide it.
  const strict = 'set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; echo; }\n';
  return strict + lines.replaceAll("http://127.0.0.1:8080", service.url);
}

async function runScript(script: string, folder: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("bash", { args: ["-c", script], cwd: folder }).output();
  const text = new TextDecoder().decode(stdout);
  assert.ok(
    success,
    `the walk-through failed:\n${text.slice(-2000)}\n${new TextDecoder().decode(stderr).slice(-2000)}`,
  );
  return text;
}

async function inService(run: (service: RunningService, folder: string) => Promise<void>): Promise<void> {
  const service = await startService();
  const folder = await Deno.makeTempDir();
  try {
    await run(service, folder);
  } finally {
    await service.stop();
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(service.dataFolder, { recursive: true });
  }
}

function assertShows(text: string, wanted: string[]): void {
  for (const piece of wanted) assert.ok(text.includes(piece), `the walk-through does not show ${piece}`);
}

Deno.test("the README's walk-through with the demo cube works as written", () =>
  inService(async (service, folder) => {
    const text = await runScript(walkThrough("demo", service), folder);
    assertShows(text, ['"quantity":"Piezoresponse"', "event: epoch", '"state":"succeeded"', "# my-film, version 1"]);
    assertShows(text, ['"warnings"', '"measured"', '"areaAbs"', '"baselines"', '"decoded"', '"nearest"', '"points"']);
    const npz = await Deno.readFile(`${folder}/errors.npz`);
    assert.deepEqual([...npz.subarray(0, 2)], [0x50, 0x4b]);
  }));

testWithShared(
  "the README's walk-through with the real cube works as written",
  (shared) =>
    inService(async (service, folder) => {
      const cube = new URL("data/pto_beps_nsid.h5", shared);
      await Deno.symlink(cube.pathname, `${folder}/BEPS_PTO_50x50.h5`);
      const text = await runScript(walkThrough("pto", service), folder);
      assertShows(text, ['"health":{"nan":0,"outliers":', '"areaAbs"', '"imprint', '"decoded"', '"state":"succeeded"']);
    }),
);
