import { assert, assertEquals } from "../support/assert.ts";

const ASKED = Deno.env.get("LOOPSCOPE_TEST_COMPILE") === "1";
const ROOT = new URL("../../", import.meta.url).pathname;
const START_MS = 60_000;

/** Without Deno on the path, and with a home and a data folder of its own. */
function start(folder: string): Deno.ChildProcess {
  const env = { PATH: "/usr/bin:/bin", HOME: `${folder}/home`, LOOPSCOPE_PORT: "0", LOOPSCOPE_DATA: "data" };
  const options = { cwd: folder, env, clearEnv: true, stdout: "piped", stderr: "null" } as const;
  return new Deno.Command(`${ROOT}out/loopscope`, options).spawn();
}

Deno.test({
  name: "the one executable starts where there is no Deno, answers and stops" +
    (ASKED ? "" : " (skipped: takes 30 s; LOOPSCOPE_TEST_COMPILE=1 runs it)"),
  ignore: !ASKED,
  async fn() {
    const { success } = await new Deno.Command(Deno.execPath(), { args: ["task", "-q", "compile"], cwd: ROOT })
      .output();
    assert.ok(success, "deno task compile failed");
    const folder = await Deno.makeTempDir();
    await Deno.mkdir(`${folder}/home`);
    const child = start(folder);
    const timer = setTimeout(() => child.kill("SIGKILL"), START_MS);
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let log = "";
    while (!/listening.*http/.test(log)) {
      const { value, done } = await reader.read();
      assert.ok(!done, log);
      log += value;
    }
    const url = /http:\/\/[\w.:]+/.exec(log)![0];
    const { items } = await (await fetch(`${url}/v1/models`)).json();
    assert.ok(items.length >= 4);
    assertEquals((await (await fetch(url)).text()).includes("<script"), true);
    const { items: [{ id }] } = await (await fetch(`${url}/v1/cubes`)).json();
    const errors = await fetch(`${url}/v1/models/${items[2].name}/versions/1/cubes/${id}/errors`);
    assert.ok(errors.ok, await errors.text());
    child.kill("SIGTERM");
    while (!(await reader.read()).done) { /* it says that it stops */ }
    assertEquals((await child.status).code, 0);
    clearTimeout(timer);
    assert.ok(Deno.statSync(`${folder}/data/loopscope.db`).isFile);
    await Deno.remove(folder, { recursive: true });
  },
});
