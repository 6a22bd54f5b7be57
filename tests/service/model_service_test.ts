import { createModelService } from "../../lib/service/model_service.ts";
import type { WorkerPool } from "../../lib/jobs/processes/worker_pool.ts";
import { writeModel } from "../support/stored_model.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

Deno.test("the tag of a model changes with its aliases and its versions, and an old one changes nothing", async () => {
  await using store = await temporaryStore();
  const service = createModelService({
    store,
    compute: undefined as unknown as WorkerPool,
    clock: testClock(),
    producerVersion: "0.0.0-test",
  });
  const add = () => store.models.add("film", (folder, version) => writeModel(folder, "film", version));
  await add();
  const first = await service.aliasTag("film");
  await service.setAlias("film", "best", 1, { ifMatch: first });
  const second = await service.aliasTag("film");
  await add();
  const third = await service.aliasTag("film");
  assertEquals(new Set([first, second, third]).size, 3);
  for (const old of [first, second]) {
    await assert.rejects(service.setAlias("film", "best", 2, { ifMatch: old }), { code: "alias_changed" });
    await assert.rejects(service.removeAlias("film", "best", old), { code: "alias_changed" });
  }
  assertEquals((await service.get("film")).aliases, { best: 1 });
  assertEquals((await service.removeAlias("film", "best", third)).aliases, {});
});
