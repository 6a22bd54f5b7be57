import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { assert, assertEquals } from "../support/assert.ts";
import { SHARED } from "../support/shared.ts";
import { openPage, testInBrowser, withBrowser } from "./browser.ts";

/** The worst pixel of an error map. */
function worstOf(values: readonly (number | null)[]): number {
  return values.reduce<number>((best, value, i) => (value ?? -1) > (values[best] ?? -1) ? i : best, 0);
}

async function numberIn(page: Page, selector: string): Promise<number> {
  await page.waitForFunction((where) => /\d/.test(document.querySelector(where)?.textContent ?? ""), selector);
  return parseInt(await page.locator(selector).innerText());
}

/** A real measurement, from the file to the permalink, as a person does it. */
const title =
  "a lab's day: upload, look, train on a drawn region, find the worst pixel and its class, export, come back";
if (!SHARED) Deno.test({ name: `${title} (skipped: ../shared is absent)`, ignore: true, fn: () => {} });
else {
  const data = new URL("data/", SHARED);
  testInBrowser(title, (test) =>
    withBrowser(async (browser, service) => {
      const { page, context, faults, requests } = await openPage(browser, service);
      await page.goto(`${service.url}/#/data`);

      await test.step("a file with several data sets goes up in pieces, and another one is chosen", async () => {
        await page.locator("input[type=file]").setInputFiles(fileURLToPath(new URL("usid_beps_sho.h5", data)));
        const card = page.locator(".upload-card");
        await card.getByText("This file holds several data sets").waitFor();
        assert.ok(requests.some((path) => path.startsWith("/v1/uploads/")), "no piece was sent");
        assert.match(await card.innerText(), /Out-of-field steps are taken/);
        const other = await card.locator("select option").last().getAttribute("value");
        await card.locator("select").selectOption(other);
        await page.waitForFunction((dataset) => {
          return document.querySelector<HTMLSelectElement>(".upload-card select")?.value === dataset;
        }, other);
        await card.getByRole("button", { name: "Discard" }).click();
        await card.waitFor({ state: "detached" });
      });

      await test.step("the measurement goes up; what was repaired is said", async () => {
        await page.locator("input[type=file]").setInputFiles(fileURLToPath(new URL("pto_beps_nsid.h5", data)));
        const card = page.locator(".upload-card");
        await card.getByText("were repaired", { exact: false }).waitFor();
        assert.match(await card.innerText(), /50 × 50[\s\S]*−8.5 V to 8.5 V[\s\S]*failed pixels/);
        await card.getByRole("button", { name: "Keep and explore" }).click();
        await page.locator(".loop-panel .curve-measured").waitFor();
      });

      await test.step("a model is trained on a drawn region, with the curve beside the ridge regression", async () => {
        await page.locator("nav").getByRole("button", { name: "Train" }).click();
        const box = (await page.locator(".train-map .map-top").boundingBox())!;
        const at = (row: number, col: number) => [(col + 0.5) / 50 * box.width, (row + 0.5) / 50 * box.height];
        const [[x0, y0], [x1, y1]] = [at(0, 0), at(29, 24)];
        await page.mouse.move(box.x + x0, box.y + y0);
        await page.mouse.down();
        await page.mouse.move(box.x + x1, box.y + y1, { steps: 4 });
        await page.mouse.up();
        await page.getByLabel("Filters").fill("4");
        await page.getByLabel("Epochs").fill("4");
        await page.getByLabel("Name").fill("lab");
        await page.locator(".train-form button").click();
        await page.locator(".job-panel .state-succeeded").waitFor({ timeout: 90_000 });
        await page.getByLabel(/Loss over 12 epochs.*ridge regression 0\.\d/).waitFor();
        await page.getByRole("button", { name: "See where it fails" }).click();
      });
      const cube = new URL(page.url().replace("#/", "")).searchParams.get("cube") ??
        /cube=([^&]+)/.exec(page.url())![1];
      const base = `/v1/models/lab/versions/1/cubes/${cube}`;

      await test.step("the error map leads to the worst pixel", async () => {
        const { nrmse } = await service.json<{ nrmse: { data: (number | null)[] } }>(`${base}/errors`);
        const worst = worstOf(nrmse.data);
        await page.locator(".map-veil").waitFor({ state: "detached" });
        const box = (await page.locator("#map-panel .map-top").boundingBox())!;
        const [row, col] = [Math.floor(worst / 50), worst % 50];
        await page.locator("#map-panel .map-top").click({
          position: { x: (col + 0.5) / 50 * box.width, y: (row + 0.5) / 50 * box.height },
        });
        await page.waitForFunction((pin) => location.hash.includes(pin), `pins=${row}.${col}`);
        const fact = page.locator(".parameter-panel .facts > div", { hasText: "NRMSE" }).locator("dd");
        assertEquals(Number(await fact.innerText()), Number(nrmse.data[worst]!.toPrecision(3)));
      });

      await test.step("its latent class lights up as many pixels as the mixture gives it", async () => {
        await page.locator("nav").getByRole("button", { name: "Latent space" }).click();
        await page.locator(".components button").first().click();
        const { labels } = await service.json<{ labels: { data: (number | null)[] } }>(`${base}/gmm?components=4`);
        await page.waitForFunction(() =>
          /pixels/.test(document.querySelector(".latent-map .panel-note")!.textContent!)
        );
        const count = await numberIn(page, ".latent-map .panel-note");
        assertEquals(count, labels.data.filter((label) => label === 0).length);
      });

      await test.step("the selection is saved, and the permalink shows the same", async () => {
        await page.locator(".latent-map summary").click();
        const waiting = page.waitForEvent("download");
        await page.locator(".latent-map .menu-items").getByRole("button", { name: "Save CSV" }).click();
        const lines = (await Deno.readTextFile(await (await waiting).path())).trim().split("\r\n");
        const count = await numberIn(page, ".latent-map .panel-note");
        assertEquals([lines[0], lines.length - 1], ["row,col", count]);
        await page.waitForFunction(() => location.hash.includes("only=0"));
        const address = page.url();
        await page.reload();
        assertEquals(await numberIn(page, ".latent-map .panel-note"), count);
        assertEquals(page.url(), address);
      });
      assertEquals(faults, []);
      await context.close();
    }));
}
