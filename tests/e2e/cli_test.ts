import { assert } from "../support/assert.ts";
import { startService } from "../support/running_service.ts";
import { filmFile } from "../support/small_cube.ts";

Deno.test("the command-line client uploads, trains with progress, predicts and exports", async (t) => {
  const service = await startService();
  const folder = await Deno.makeTempDir();
  const cli = async (...args: string[]) => {
    const entry = new URL("../../routes/cli/main.ts", import.meta.url).href;
    const env = { LOOPSCOPE_URL: service.url, NO_COLOR: "1" };
    const command = new Deno.Command(Deno.execPath(), { args: ["run", "-q", "-A", entry, ...args], cwd: folder, env });
    const { code, stdout, stderr } = await command.output();
    return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
  };
  await Deno.writeFile(`${folder}/film.h5`, await filmFile(20, 20, 16));
  let cube = "";

  await t.step("upload", async () => {
    const { code, out } = await cli("upload", "film.h5", "--name", "film");
    assert.equal(code, 0);
    assert.match(out, /^cube_\w+ {2}20 x 20 x 16 {2}nsid/);
    cube = out.split(" ")[0];
  });
  await t.step("train", async () => {
    const small = ["--epochs", "2", "--window", "4", "--filters", "4"];
    const { code, out } = await cli("train", cube, "cli-film", ...small);
    assert.equal(code, 0, out);
    assert.match(out, /2\/2 {2}train \d/);
    assert.match(out, /cli-film@1\n$/);
  });
  await t.step("predict and export", async () => {
    await Deno.writeTextFile(`${folder}/patch.json`, JSON.stringify(Array(4).fill([1, 2, 3, 4])));
    const { out } = await cli("predict", "cli-film", "patch.json");
    assert.equal(JSON.parse(out).outputs.shape[0], 16);
    assert.match((await cli("errors", "cli-film", cube)).out, /"baselines"/);
    const saved = await cli("export", "cli-film", cube, "latents", "--out", "latents.npz");
    assert.match(saved.out, /latents.npz: \d+ bytes/);
    // A device without room.
    if (Deno.build.os === "linux") assert.equal((await cli("errors", "cli-film", cube, "--out", "/dev/full")).code, 1);
  });
  await t.step("a refusal is told in the service's words, and a wrong command shows how", async () => {
    const refused = await cli("card", "nothing");
    assert.deepEqual([refused.code, refused.err.includes("There is no model nothing")], [1, true]);
    const wrong = await cli("fly");
    assert.deepEqual([wrong.code, wrong.err.startsWith("Usage:")], [2, true]);
  });

  await service.stop();
  await Deno.remove(folder, { recursive: true });
  await Deno.remove(service.dataFolder, { recursive: true });
});
