import { assert, assertEquals } from "../support/assert.ts";
import { testWithPython } from "../support/python.ts";
import { startService } from "../support/running_service.ts";

interface Report {
  sent: [number, number][];
  kept: [number, number][];
  /** Share of the true map's variance that is not predicted. */
  left: number;
  done: { result: { cube: string } };
}

testWithPython(
  "two microscopes that drift, are noisy and fail at times measure one film: nothing is lost or measured twice",
  ["numpy"],
  async (python) => {
    const service = await startService();
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/loopscope.py`, await (await service.fetch("/client.py")).text());
      const { success, stdout, stderr } = await new Deno.Command(python, {
        args: [new URL("microscope.py", import.meta.url).pathname],
        env: { LOOPSCOPE_URL: service.url, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: "1" },
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      const { sent, kept, left, done }: Report = JSON.parse(new TextDecoder().decode(stdout));
      assertEquals(kept, sent);
      assert(sent.length > 80, `${sent.length} points`);
      assertEquals(new Set(sent.map(String)).size, sent.length);
      assert(left < 0.15, `${left} of the variance is left`);
      const cube = await service.json<{ shape: number[] }>(`/v1/cubes/${done.result.cube}`);
      assertEquals(cube.shape, [24, 24, 12]);
    } finally {
      await service.stop();
      await Deno.remove(service.dataFolder, { recursive: true });
      await Deno.remove(folder, { recursive: true });
    }
  },
);
