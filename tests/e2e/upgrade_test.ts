import { assert, assertEquals } from "../support/assert.ts";
import { startService } from "../support/running_service.ts";

/**
 * A data folder as version 0.1.0 left it: one cube of 16 x 16 x 8 with an image channel, the model `old-model` (window 4, an
 * ensemble of two), an alias and the job that made it.
 */
const ARCHIVE = new URL("../golden/data-folder-0.1.0.tar.gz", import.meta.url).pathname;

const ROOT = new URL("../../", import.meta.url).pathname;

interface Old {
  items: { id: string; name: string; sha256: string }[];
}

Deno.test("a data folder of 0.1.0 is taken over: cubes, files, models, aliases, jobs", async () => {
  const dataFolder = await Deno.makeTempDir({ prefix: "loopscope-test-" });
  const { success } = await new Deno.Command("tar", { args: ["xzf", ARCHIVE, "-C", dataFolder] }).output();
  assert.ok(success, "tar cannot unpack the folder");
  const service = await startService({ dataFolder });
  try {
    const { items: [cube, ...others] } = await service.json<Old>("/v1/cubes");
    assertEquals([cube.name, others], ["old film", []]);
    const file = await (await service.fetch(`/v1/cubes/${cube.id}/file`)).bytes();
    assertEquals(new Uint8Array(await crypto.subtle.digest("SHA-256", file)).toHex(), cube.sha256);
    const stored = `${dataFolder}/blobs/${cube.sha256.slice(0, 2)}/${cube.sha256}`;
    await Deno.rename(stored, `${dataFolder}/aside`);
    assertEquals((await service.json(`/v1/cubes/${cube.id}/file`, {}, 404)).code, "file_not_kept");
    await Deno.rename(`${dataFolder}/aside`, stored);
    const model = await service.json<{ version: number; members: unknown[] }>("/v1/models/old-model/versions/best");
    assertEquals([model.version, model.members.length], [1, 1]);
    const errors = await service.json<{ scores: { test: { mse: number } } }>(
      `/v1/models/old-model/versions/1/cubes/${cube.id}/errors`,
    );
    assert.ok(
      Math.abs(errors.scores.test.mse / OLD_MSE - 1) < 1e-5,
      `mse ${errors.scores.test.mse}; expected ${OLD_MSE}`,
    );
    const onnx = await service.fetch("/v1/models/old-model/versions/1/onnx");
    assertEquals((await onnx.bytes()).length > 10_000, true);
    const { items: jobs } = await service.json<{ items: { state: string }[] }>("/v1/jobs");
    assertEquals(jobs.map(({ state }) => state), ["succeeded"]);
  } finally {
    await service.stop();
  }
  const doctor = {
    args: ["run", "-q", "-A", "main.ts", "doctor", "--deep"],
    cwd: ROOT,
    env: { LOOPSCOPE_DATA: dataFolder },
  };
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), doctor).output();
  assert.equal(code, 0, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
  await Deno.remove(dataFolder, { recursive: true });
});

/** What 0.1.0 itself said. */
const OLD_MSE = 1770.5232092743622;
