import { openWasmEngine } from "../../lib/compute/wasm/wasm_engine.ts";
import { loadModel, writeArtifact } from "../../lib/training/artifact/artifact.ts";
import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { identity, run, tinyInput } from "./tiny_training.ts";

for (const threads of [1, 2]) {
  Deno.test(`on the wasm engine with ${threads} threads a resumed training ends bit-identically`, async () => {
    const engine = await openWasmEngine({ threads });
    try {
      const change = { epochs: 3, filters: 8 };
      const whole = await run(tinyInput(change, { engine }));
      const checkpoints = whole.events.flatMap((event) => event.kind === "checkpoint" ? [event.bytes] : []);
      const resumed = await run(tinyInput(change, { engine, checkpoint: checkpoints[1] }));
      assertEquals(resumed.events.filter((event) => event.kind !== "phase").length, 2);
      const [wanted, met] = [
        await writeArtifact(whole.trained, identity),
        await writeArtifact(resumed.trained, identity),
      ];
      for (const name of ["weights.safetensors", "last.safetensors"]) assertEquals(met.get(name), wanted.get(name));
      // What one engine trained passes its check on the other.
      const loaded = await loadModel(wanted, openReferenceEngine());
      assert.equal(loaded.manifest.training!.engine, "wasm");
    } finally {
      await engine.close();
    }
  });
}
