import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { submitJob } from "../support/small_cube.ts";
import { jobEnd, type RunningService } from "../support/running_service.ts";
import { openPage, withBrowser } from "./browser.ts";

const OUT = new URL("../../out/screenshots/", import.meta.url);
const README_PICTURE = new URL("../../routes/page/screenshot.png", import.meta.url);
const TABS = ["explore", "latent", "compare", "train", "measure", "data", "models"];

/** A model of the demo cube: one that came with the service, or a small one trained now. */
async function demoModel(service: RunningService): Promise<string> {
  const { items: cubes } = await service.json<{ items: { id: string; sha256: string }[] }>("/v1/cubes");
  const { items: models } = await service.json<{ items: { name: string; latest: number }[] }>("/v1/models");
  for (const { name, latest } of models) {
    const model = await service.json<{ training?: { cubeSha256: string }; network: { direction: string } }>(
      `/v1/models/${name}/versions/${latest}`,
    );
    if (model.training?.cubeSha256 === cubes[0].sha256 && model.network.direction === "im2spec") {
      return `${name}@${latest}`;
    }
  }
  const request = { kind: "train", direction: "im2spec", cube: cubes[0].id, filters: 16, epochs: 20, saveAs: "film" };
  const job = await jobEnd(service, await submitJob(service, request));
  if (job.state !== "succeeded") throw new Error(`The job ${job.state}`);
  return "film@1";
}

/** The pixel of the test part that the model predicts worst, as the page's address has it. */
async function worstTestPixel(service: RunningService, model: string): Promise<string> {
  const [name, version] = model.split("@");
  const { items: [{ id }] } = await service.json<{ items: { id: string }[] }>("/v1/cubes");
  const { nrmse, part } = await service.json<{ nrmse: MapAnswer; part: MapAnswer }>(
    `/v1/models/${name}/versions/${version}/cubes/${id}/errors`,
  );
  const inTest = (pixel: number) => part.data[pixel] === TEST_PART;
  const worst = nrmse.data.reduce<number>(
    (best, value, i) => inTest(i) && (value ?? 0) > (nrmse.data[best] ?? 0) ? i : best,
    0,
  );
  return `${Math.floor(worst / nrmse.shape[1])}.${worst % nrmse.shape[1]}`;
}

interface MapAnswer {
  shape: number[];
  data: (number | null)[];
}

/** `parts.test` of the answer. */
const TEST_PART = 3;

/** Waits until nothing on the page is still being fetched or drawn. */
async function settle(page: Page): Promise<void> {
  await page.waitForLoadState("networkidle");
  await page.waitForFunction(() => document.querySelectorAll(".waiting").length === 0);
  await page.waitForTimeout(400);
}

await Deno.mkdir(OUT, { recursive: true });
await withBrowser(async (browser, service) => {
  const model = await demoModel(service);
  const worst = await worstTestPixel(service, model);
  for (const width of [1280, 390]) {
    for (const theme of ["light", "dark"] as const) {
      const { page, context, faults } = await openPage(browser, service, { width, height: 860, theme });
      for (const tab of TABS) {
        await page.goto(`${service.url}/#/${tab}?model=${model}`);
        await settle(page);
        await page.screenshot({ path: fileURLToPath(new URL(`${tab}-${width}-${theme}.png`, OUT)), fullPage: true });
      }
      await page.goto(`${service.url}/#/explore?model=${model}&layer=error:nrmse&pins=20.12_${worst}`);
      await settle(page);
      await page.screenshot({ path: fileURLToPath(new URL(`errors-${width}-${theme}.png`, OUT)), fullPage: true });
      if (width === 1280 && theme === "light") {
        await page.goto(`${service.url}/#/explore?model=${model}&layer=error:nrmse&pins=${worst}`);
        await settle(page);
        await page.screenshot({ path: fileURLToPath(README_PICTURE) });
      }
      for (const fault of faults) console.warn(`${width} ${theme}: ${fault}`);
      await context.close();
    }
  }
});
console.log(`pictures in ${fileURLToPath(OUT)} and ${fileURLToPath(README_PICTURE)}`);
