import type { Page } from "playwright-core";
import { assert, assertEquals } from "../support/assert.ts";
import { filmFile, uploadCube } from "../support/small_cube.ts";
import { openPage, seriousFaults, testInBrowser, withBrowser } from "./browser.ts";

async function measuredCount(page: Page): Promise<number> {
  return parseInt(await page.locator(".experiment-panel .tiles dd").first().innerText());
}

testInBrowser(
  "a rehearsal on the page: measured a batch at a time and by itself, then finished",
  (test) =>
    withBrowser(async (browser, service) => {
      const cube = await uploadCube(service, await filmFile(24, 24, 16), "film");
      const { page, context, faults } = await openPage(browser, service);
      await page.goto(`${service.url}/#/measure?cube=${cube.id}`);

      await test.step("it opens on the chosen map with its first points", async () => {
        await page.getByRole("button", { name: "Start" }).click();
        await page.locator('.experiment-map [aria-label*="0 points are measured, 16 are next"]').waitFor();
      });

      await test.step("a batch is measured; prediction, spread and history follow", async () => {
        await page.getByRole("button", { name: "Measure", exact: true }).last().click();
        await page.locator('.experiment-map [aria-label*="16 points are measured"]').waitFor();
        await page.locator(".experiment-history tbody tr").first().waitFor();
        for (const shown of ["mean", "spread"]) {
          await page.getByLabel("What the map shows").selectOption(shown);
          await page.waitForFunction(() => {
            const canvas = document.querySelector<HTMLCanvasElement>(".experiment-map canvas")!;
            const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(data.buffer)).size > 20;
          });
        }
        assertEquals(await seriousFaults(page), []);
      });

      await test.step("it runs until it is stopped, and what comes from elsewhere is seen", async () => {
        await page.getByRole("button", { name: "Run" }).click();
        await page.waitForFunction(() =>
          parseInt(document.querySelector(".experiment-panel .tiles dd")!.textContent!) >= 64
        );
        await page.getByRole("button", { name: "Stop" }).click();
        await page.getByRole("button", { name: "Run" }).waitFor();
        await page.getByText("as many random points give", { exact: false }).waitFor();
        const id = /experiment=([^&]+)/.exec(page.url())![1];
        const before = (await service.json<{ measured: number }>(`/v1/experiments/${id}`)).measured;
        const { next } = await service.json<{ next: { row: number; col: number }[] }>(`/v1/experiments/${id}/next`);
        await service.json(`/v1/experiments/${id}/measurements`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ points: next }),
        });
        await page.waitForFunction(
          (count) => parseInt(document.querySelector(".experiment-panel .tiles dd")!.textContent!) === count,
          before + next.length,
        );
      });

      await test.step("it ends in a cube that can be opened", async () => {
        const count = await measuredCount(page);
        assert(count >= 64, `${count} points`);
        await page.getByRole("button", { name: "Finish" }).click();
        await page.getByRole("button", { name: "Open the cube" }).click();
        await page.waitForFunction((old) => /#\/explore/.test(location.hash) && !location.hash.includes(old), cube.id);
        await page.locator("#map-panel canvas").first().waitFor();
      });
      assertEquals(faults, []);
      await context.close();
    }),
);
