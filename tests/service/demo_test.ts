import { assert, assertEquals } from "../support/assert.ts";
import { startService } from "../support/running_service.ts";

Deno.test("a service whose limits refuse the demo cube says so and starts; with room for it a later start has it", async () => {
  const dataFolder = await Deno.makeTempDir({ prefix: "loopscope-test-" });
  try {
    for (const [limit, cubes] of [["100000", 0], ["100000000", 1]] as const) {
      const service = await startService({ dataFolder, environment: { LOOPSCOPE_MAX_UPLOAD_BYTES: limit } });
      try {
        const { items } = await service.json<{ items: unknown[] }>("/v1/cubes");
        assertEquals(items.length, cubes, service.log.join("\n"));
        assert.equal(service.log.some((line) => line.includes("demo_cube_missing")), cubes === 0);
      } finally {
        await service.stop();
      }
    }
  } finally {
    await Deno.remove(dataFolder, { recursive: true });
  }
});
