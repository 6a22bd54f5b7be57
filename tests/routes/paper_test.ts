import { drawPaper } from "../../routes/cli/paper.ts";
import { assert } from "../support/assert.ts";
import { startService } from "../support/running_service.ts";

/** Panels that each figure must have. */
const PANELS: Record<string, string[]> = {
  fig1: ["1b", "1c"],
  fig3: ["measured, predicted", "3  error", "3  loss"],
  fig4: ["predicted from its spectrum", "4  error"],
  fig5: ["5b", "5c", "5d", "5e", "5f", "5g"],
  fig6: ["6a", "6b", "6c", "6d", "6e"],
  fig7: ["7a", "7b", "7c", "7d", "7e"],
  consensus: ["average", "smallest", "method"],
};

Deno.test("every figure of the paper is drawn for the demo cube from the public API alone", async () => {
  const service = await startService();
  const out = await Deno.makeTempDir({ prefix: "loopscope-paper-" });
  try {
    const files = await drawPaper({ url: service.url, out });
    for (const [k, [name, panels]] of Object.entries(PANELS).entries()) {
      assert.ok(files[k].endsWith(`${name}.svg`));
      const svg = await Deno.readTextFile(files[k]);
      for (const panel of panels) assert.ok(svg.includes(panel), `${name} has ${panel}`);
      assert.ok(!/NaN|undefined|Infinity/.test(svg), `${name} has a place that is no number`);
      assert.ok((svg.match(/<(polyline|image|circle)/g) ?? []).length >= 2);
    }
  } finally {
    await service.stop();
    await Deno.remove(out, { recursive: true });
    await Deno.remove(service.dataFolder, { recursive: true });
  }
});
