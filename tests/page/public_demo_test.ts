import { assertEquals } from "../support/assert.ts";
import { openPage, testInBrowser, withBrowser } from "./browser.ts";

testInBrowser(
  "a public demo hides what a visitor may not do and says why",
  () =>
    withBrowser(async (browser, service) => {
      const { page, context, faults } = await openPage(browser, service);
      await page.goto(`${service.url}/#/data`);
      await page.getByText("Uploads are closed to visitors").waitFor();
      await page.getByText("public demo", { exact: false }).first().waitFor();
      assertEquals(await page.locator("input[type=file]").count(), 0);
      assertEquals(await page.getByRole("button", { name: /^Delete/ }).count(), 0);
      await page.locator("nav").getByRole("button", { name: "Train" }).click();
      await page.getByText("Training is closed to visitors").waitFor();
      assertEquals(await page.locator(".train-form").count(), 0);
      await page.locator("nav").getByRole("button", { name: "Explore" }).click();
      await page.locator(".loop-panel .curve-measured").waitFor();
      assertEquals(faults, []);
      await context.close();
    }, { LOOPSCOPE_PUBLIC_READ: "true" }),
);
