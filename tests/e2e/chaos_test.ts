import { chaos } from "../load/chaos.ts";
import { assert } from "../support/assert.ts";

Deno.test("kill -9 at random moments under mixed load: what was acknowledged is there, nothing is half there", async () => {
  const { counts } = await chaos({ rounds: 4, seed: 3 });
  assert.ok(counts.uploads > 0 && counts.predictions > 0 && counts.jobs > 0, JSON.stringify(counts));
});
