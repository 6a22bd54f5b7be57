import { createRandom } from "../../lib/base/random.ts";
import { blockInterval } from "../../lib/training/evaluation/block_scores.ts";
import { assert, assertEquals } from "../support/assert.ts";

for (const blocks of [6, 12, 30]) {
  Deno.test(`90 % intervals from ${blocks} blocks cover the truth in 85 to 95 of 100 cases`, () => {
    const random = createRandom(blocks), cases = 300, truth = 3;
    let covered = 0;
    for (let seed = 0; seed < cases; seed++) {
      const means = Float64Array.from({ length: blocks }, () => truth + random.normal());
      const mean = (drawn: Int32Array) => drawn.reduce((sum, b) => sum + means[b], 0) / blocks;
      const [low, high] = blockInterval(blocks, mean, seed)!;
      if (low <= truth && truth <= high) covered++;
    }
    assert.ok(covered / cases >= 0.85 && covered / cases <= 0.95, `covered ${covered} of ${cases}`);
  });
}

Deno.test("two blocks have no interval", () => {
  assertEquals(blockInterval(2, () => 1, 1), undefined);
});
