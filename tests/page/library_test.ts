import type { Page } from "playwright-core";
import { assert, assertEquals } from "../support/assert.ts";
import { filmFile, smallJob, trainModel, uploadCube } from "../support/small_cube.ts";
import { openPage, seriousFaults, testInBrowser, withBrowser } from "./browser.ts";

/** The names in a list, from top to bottom. */
async function namesIn(page: Page, list: string): Promise<string[]> {
  return await page.locator(`.${list} .rows button.link, .${list} .rows strong`).allInnerTexts();
}

/** The first names of a list are these, or soon will be: it is drawn again after each change. */
async function assertFirstNames(page: Page, list: string, expected: string[]): Promise<void> {
  const first = async () => (await namesIn(page, list)).slice(0, expected.length);
  const until = Date.now() + 10_000;
  while (Date.now() < until && (await first()).join() !== expected.join()) await page.waitForTimeout(50);
  assertEquals(await first(), expected);
}

/** The list holds these names and no others, or soon will. */
async function assertNames(page: Page, list: string, expected: string[]): Promise<void> {
  const until = Date.now() + 10_000;
  while (Date.now() < until && (await namesIn(page, list)).join() !== expected.join()) await page.waitForTimeout(50);
  assertEquals(await namesIn(page, list), expected);
}

testInBrowser("lists of cubes and models in daily use", (test) =>
  withBrowser(async (browser, service) => {
    const sizes = [[20, 20], [22, 20], [24, 20], [26, 20]] as const;
    for (const [i, [rows, cols]] of sizes.entries()) {
      await uploadCube(service, await filmFile(rows, cols, 12), ["red%20film", "cube", "cube", "blue%20film"][i]);
    }
    const { items: [{ id }] } = await service.json<{ items: { id: string }[] }>("/v1/cubes");
    for (const name of ["first", "second"]) await trainModel(service, smallJob(id, name, { window: 4, epochs: 2 }));
    const { page, context, faults } = await openPage(browser, service);
    page.on("dialog", (dialog) => void dialog.accept());

    await test.step("cubes stand newest first with pictures, and a search finds by words", async () => {
      await page.goto(`${service.url}/#/data`);
      await page.locator(".cube-list .thumbnail canvas").nth(3).waitFor();
      await assertFirstNames(page, "cube-list", ["blue film", "cube", "cube", "red film"]);
      await page.getByLabel("Search cubes").fill("film red");
      await assertNames(page, "cube-list", ["red film"]);
      await page.getByLabel("Search cubes").fill("green");
      await page.getByText("Nothing matches").waitFor();
      await page.getByLabel("Search cubes").fill("");
      assertEquals(await seriousFaults(page), []);
    });

    await test.step("a cube is renamed", async () => {
      await page.getByRole("button", { name: "Rename red film" }).click();
      await page.getByLabel("New name").fill("Film A");
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "Film A", exact: true }).waitFor();
      const { items } = await service.json<{ items: { name: string }[] }>("/v1/cubes");
      assert.ok(items.some(({ name }) => name === "Film A"));
    });

    await test.step("the cube as it is used is downloaded", async () => {
      const download = page.waitForEvent("download");
      await page.getByRole("link", { name: "HDF5 of Film A as it is used" }).click();
      assertEquals((await download).suggestedFilename(), "Film A.h5");
    });

    await test.step("several cubes are deleted at once", async () => {
      await page.getByLabel("Search cubes").fill("cube");
      await page.getByLabel("Choose cube").first().check();
      await page.getByLabel("Choose cube").nth(1).check();
      await page.getByRole("button", { name: "Delete 2 chosen" }).click();
      await page.getByText("2 deleted").waitFor();
      await page.getByLabel("Search cubes").fill("");
      await assertFirstNames(page, "cube-list", ["blue film", "Film A"]);
    });

    await test.step("models stand newest first; shipped ones cannot be chosen", async () => {
      await page.goto(`${service.url}/#/models`);
      await page.getByLabel("Search models").fill("first");
      await assertNames(page, "model-list", ["first"]);
      await page.getByLabel("Search models").fill("");
      await assertFirstNames(page, "model-list", ["second", "first"]);
      assert.ok(await page.getByLabel("Choose pto-beps-im2spec").isDisabled());
      await page.getByLabel("Choose first").check();
      assertEquals(await seriousFaults(page), []);
      await page.getByRole("button", { name: "Delete 1 chosen" }).click();
      await page.getByText("1 deleted").waitFor();
      assertEquals((await service.fetch("/v1/models/first")).status, 404);
    });
    assertEquals(faults, []);
    await context.close();
  }));
