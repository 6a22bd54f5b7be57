import { assert, assertEquals } from "../support/assert.ts";
import { startService } from "../support/running_service.ts";

const SCRIPT = new URL("./python_client.py", import.meta.url).pathname;

/** A Python with NumPy: LOOPSCOPE_TEST_PYTHON, else `python3`. */
function pythonWithNumpy(): string | undefined {
  const python = Deno.env.get("LOOPSCOPE_TEST_PYTHON") ?? "python3";
  try {
    const { success } = new Deno.Command(python, { args: ["-c", "import numpy"], stderr: "null" }).outputSync();
    return success ? python : undefined;
  } catch {
    return undefined;
  }
}

const python = pythonWithNumpy();

Deno.test({
  name: "/client.py uploads, trains, predicts and reads results" +
    (python ? "" : " (skipped: no Python with NumPy; name one in LOOPSCOPE_TEST_PYTHON)"),
  ignore: python === undefined,
  async fn() {
    const service = await startService();
    const folder = await Deno.makeTempDir();
    try {
      const source = await (await service.fetch("/client.py")).text();
      const { version } = await service.json<{ version: string }>("/v1/system");
      assert.match(source, new RegExp(`__version__ = "${version}"`));
      await Deno.writeTextFile(`${folder}/loopscope.py`, source);
      const { code, stdout, stderr } = await new Deno.Command(python!, { args: [SCRIPT, folder, service.url] })
        .output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      assertEquals([code, text(stdout)], [0, "the client passed\n"], text(stderr));
    } finally {
      await service.stop();
      await Deno.remove(service.dataFolder, { recursive: true });
      await Deno.remove(folder, { recursive: true });
    }
  },
});
