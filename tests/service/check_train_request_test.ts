import type { CubeRecord } from "../../lib/schemas/cube.ts";
import { trainRequestSchema } from "../../lib/schemas/job.ts";
import { checkTrainRequest } from "../../lib/service/check_train_request.ts";
import { assert, assertFailsWith } from "../support/assert.ts";

const cube = { id: "cube_1", shape: [30, 30, 16], maps: [] } as unknown as CubeRecord;
const check = (change: object) =>
  checkTrainRequest(
    trainRequestSchema.parse({ kind: "train", direction: "im2spec", cube: "cube_1", saveAs: "m", ...change }),
    cube,
    undefined,
  );

Deno.test("what would fail while training is refused at submission, with the numbers", async () => {
  check({});
  check({ members: 2, window: 4 });
  const ensemble = await assertFailsWith("region_too_small_for_ensemble", () => check({ members: 2, window: 12 }));
  assert.match(ensemble.message, /30 x 30/);
  await assertFailsWith("window_too_large", () => check({ window: 32 }));
  await assertFailsWith("window_not_even", () => check({ window: 7 }));
  await assertFailsWith("region_outside", () => check({ region: { row: 0, col: 0, rows: 31, cols: 10 } }));
  await assertFailsWith("too_few_train_pixels", () => check({ region: { row: 0, col: 0, rows: 6, cols: 6 } }));
});
