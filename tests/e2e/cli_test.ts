import { assert } from "../support/assert.ts";
import { startService } from "../support/running_service.ts";
import { filmFile, smallJob, submitJob } from "../support/small_cube.ts";

const MORE_THAN_A_PAGE = 101;

Deno.test("the command-line client uploads, trains with progress, predicts and exports", async (t) => {
  const service = await startService();
  const folder = await Deno.makeTempDir();
  const cli = async (...args: string[]) => {
    const entry = new URL("../../routes/cli/main.ts", import.meta.url).href;
    // `deno task` says so where the user stands; the tests run under it themselves.
    const env = { LOOPSCOPE_URL: service.url, NO_COLOR: "1", INIT_CWD: folder };
    const command = new Deno.Command(Deno.execPath(), { args: ["run", "-q", "-A", entry, ...args], env });
    const { code, stdout, stderr } = await command.output();
    return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
  };
  await Deno.writeFile(`${folder}/film.h5`, await filmFile(20, 20, 16));
  let cube = "";

  await t.step("upload", async () => {
    const { code, out, err } = await cli("upload", "film.h5", "--name", "film");
    assert.equal(code, 0, err);
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
    assert.match((await cli("values", cube, "--out", "used.h5")).out, /used.h5: \d+ bytes/);
    assert.deepEqual((await Deno.readFile(`${folder}/used.h5`)).slice(1, 4), new TextEncoder().encode("HDF"));
    await cli("file", cube, "--out", "sent.h5");
    assert.deepEqual(await Deno.readFile(`${folder}/sent.h5`), await Deno.readFile(`${folder}/film.h5`));
    assert.match((await cli("export", "cli-film", cube, "suggest?count=3", "--out", "next.csv")).out, /next.csv/);
    assert.match(await Deno.readTextFile(`${folder}/next.csv`), /^row,col,score\r\n(\d+,\d+,[\d.e-]+\r\n){3}$/);
    // A device without room.
    if (Deno.build.os === "linux") assert.equal((await cli("errors", "cli-film", cube, "--out", "/dev/full")).code, 1);
  });
  await t.step("a model as an archive comes back under another name and predicts the same", async () => {
    assert.match((await cli("archive", "cli-film", "--out", "film.zip")).out, /film.zip: \d+ bytes/);
    const { out, err } = await cli("import", "film.zip", "--name", "copy");
    assert.equal(out, "copy@1\n", err);
    const [first, second] = [
      await cli("predict", "cli-film", "patch.json"),
      await cli("predict", "copy", "patch.json"),
    ];
    assert.deepEqual(JSON.parse(second.out).outputs, JSON.parse(first.out).outputs);
    assert.match((await cli("card", "copy")).out, /^# copy, version 1/);
    assert.match((await cli("onnx", "copy", "--out", "film.onnx")).out, /film.onnx: \d+ bytes/);
  });
  await t.step("a refusal is told in the service's words, and a wrong command shows how", async () => {
    const refused = await cli("card", "nothing");
    assert.deepEqual([refused.code, refused.err.includes("There is no model nothing")], [1, true]);
    const wrong = await cli("fly");
    assert.deepEqual([wrong.code, wrong.err.startsWith("There is no command fly\nUsage:")], [2, true]);
  });
  await t.step("help is no error, slips are told before anything is asked of the service", async () => {
    const help = await cli("--help");
    assert.deepEqual([help.code, help.err], [0, ""]);
    for (const name of ["upload", "train", "predict", "errors", "export", "cancel"]) {
      assert.match(help.out, new RegExp(`^  ${name} +\\S`, "m"));
      assert.equal((await cli("--help", name)).out, (await cli(name, "--help")).out);
      assert.match((await cli(name, "--help")).out, new RegExp(`^Usage: deno task cli ${name} `));
    }
    const slips: [string[], number, RegExp][] = [
      [["train", cube, "x", "--epoch", "3"], 2, /no option --epoch/],
      [["train", cube, "x", "--epochs"], 2, /--epochs without a value/],
      [["train", cube, "x", "--epochs", "many"], 1, /--epochs: received many; expected a number/],
      [["train", cube, "x", "--region", "1,2,3"], 1, /--region: received 1,2,3; expected ROW,COL,ROWS,COLS/],
      [["train", cube], 2, /Received 1 words; expected 2/],
      [
        ["errors", "cli-film", cube, "--out", "maps.png"],
        1,
        /received maps.png; expected a name that ends in .h5, .npz/,
      ],
      [["export", "cli-film", cube, "latents"], 1, /expected --out/],
      [["weights", "cli-film"], 1, /expected --out/],
      [["upload", "nothing.h5"], 1, /No such file.*nothing.h5/],
      [["upload", "."], 1, /is not a file/],
      [["predict", "cli-film", "film.h5"], 1, /film.h5 is not JSON/],
      [["cubes", "--url", "127.0.0.1:8080"], 1, /Received the address 127.0.0.1:8080/],
      [["cubes", "--url", "http://127.0.0.1:9"], 1, /No answer from http:\/\/127.0.0.1:9: is the service running/],
      [["watch", "job_none"], 1, /no job job_none/],
    ];
    for (const [words, code, wanted] of slips) {
      const met = await cli(...words);
      assert.deepEqual([met.code, wanted.test(met.err), met.out], [code, true, ""], `${words.join(" ")}: ${met.err}`);
    }
  });
  await t.step("lists are whole, however long", async () => {
    const ids: string[] = [];
    for (let n = 0; n < MORE_THAN_A_PAGE; n++) {
      ids.push(await submitJob(service, smallJob(cube, `many-${n}`, { epochs: 10_000 })));
      await service.fetch(`/v1/jobs/${ids[n]}`, { method: "DELETE" });
    }
    const { out } = await cli("jobs");
    const listed = new Set(out.split("\n").map((line) => line.split(" ")[0]));
    assert.deepEqual(ids.filter((id) => !listed.has(id)), []);
  });
  await t.step("Ctrl-C leaves the job running and tells how to follow and to stop it", async () => {
    const args = ["run", "-q", "-A", new URL("../../routes/cli/main.ts", import.meta.url).href];
    const words = ["train", cube, "long", "--epochs", "5000", "--window", "4", "--filters", "4"];
    const env = { LOOPSCOPE_URL: service.url, NO_COLOR: "1" };
    const command = new Deno.Command(Deno.execPath(), {
      args: [...args, ...words],
      env,
      stdout: "piped",
      stderr: "piped",
    });
    const child = command.spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let out = "";
    while (!/1\/5000/.test(out)) {
      const { done, value } = await reader.read();
      assert.ok(!done, `It ended after ${out}`);
      out += value;
    }
    child.kill("SIGINT");
    for (let rest = await reader.read(); !rest.done;) rest = await reader.read();
    const job = out.split("\n")[0];
    assert.match(
      await new Response(child.stderr).text(),
      new RegExp(`The job goes on.* watch ${job}; to stop it: cancel ${job}`),
    );
    assert.equal((await child.status).code, 130);
    assert.match((await cli("jobs")).out, new RegExp(`^${job}  running .*train long of ${cube}`, "m"));
    assert.equal((await cli("cancel", job)).out, `${job} is cancelled\n`);
  });

  await service.stop();
  await Deno.remove(folder, { recursive: true });
  await Deno.remove(service.dataFolder, { recursive: true });
});
