import type { CubeRecord } from "../../lib/schemas/cube.ts";
import { trainRequestSchema } from "../../lib/schemas/job.ts";
import type { ModelManifest } from "../../lib/schemas/model.ts";
import { checkTrainRequest } from "../../lib/service/check_train_request.ts";
import { assert, assertFailsWith } from "../support/assert.ts";

const cube = { id: "cube_1", shape: [30, 30, 16], maps: [], sha256: "a", provenance: [] } as unknown as CubeRecord;
const check = (change: object, from?: ModelManifest) =>
  checkTrainRequest(
    trainRequestSchema.parse({ kind: "train", direction: "im2spec", cube: "cube_1", saveAs: "m", ...change }),
    [cube],
    from,
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

Deno.test("going on from a model that was trained on what would be tested is refused at submission", async () => {
  const network = { direction: "im2spec", window: 4, points: 16, latent: 2, filters: 64 };
  const region = { row: 0, col: 0, rows: 30, cols: 20 };
  const from = (cubeSha256: string) => ({ network, training: { cubeSha256, region } }) as ModelManifest;
  const right = { window: 4, region: { row: 0, col: 22, rows: 30, cols: 8 } };
  check({ window: 4, region }, from("a"));
  check(right, from("another cube"));
  const error = await assertFailsWith("too_few_test_pixels", () => check(right, from("a")));
  assert.match(error.message, /where the model to go on from was trained/);
});
