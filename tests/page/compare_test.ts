import { assert, assertEquals } from "../support/assert.ts";
import { filmFile, smallJob, trainModel, uploadCube } from "../support/small_cube.ts";
import { openPage, seriousFaults, testInBrowser, withBrowser } from "./browser.ts";

testInBrowser("two models on one cube side by side", (test) =>
  withBrowser(async (browser, service) => {
    const cube = await uploadCube(service, await filmFile(24, 24, 16), "film");
    for (const [name, epochs] of [["short", 1], ["long", 8]] as const) {
      await trainModel(service, smallJob(cube.id, name, { window: 8, epochs, seed: epochs }));
    }
    const { page, context, faults } = await openPage(browser, service);
    await page.goto(`${service.url}/#/compare?cube=${cube.id}&model=short@1`);

    await test.step("scores are those of the service, on pixels that neither was trained on", async () => {
      await page.getByLabel("Compare with").selectOption("long@1");
      const table = page.getByRole("region", { name: "Scores of both" });
      await table.waitFor();
      const shown = (await table.locator("tr").nth(1).locator("td").allInnerTexts()).map(numberOf);
      const sums = [];
      for (const name of ["short", "long"]) {
        const errors = await service.json<{ mse: { data: number[] }; part: { data: number[] } }>(
          `/v1/models/${name}/versions/1/cubes/${cube.id}/errors`,
        );
        const held = errors.mse.data.filter((_, i) => errors.part.data[i] === 3);
        sums.push(held.reduce((sum, value) => sum + value, 0) / held.length);
      }
      for (const i of [0, 1]) assert.ok(Math.abs(shown[i] / sums[i] - 1) < 0.01, `${shown[i]} and ${sums[i]}`);
    });

    await test.step("a click on any map and the fields choose the pixel; three curves are drawn", async () => {
      assertEquals(await page.locator(".pickable canvas").count(), 3);
      const box = (await page.locator(".pickable").first().boundingBox())!;
      await page.mouse.click(box.x + box.width * 10.5 / 24, box.y + box.height * 12.5 / 24);
      await page.getByRole("heading", { name: "Row 12, column 10" }).waitFor();
      await page.locator(".compare .curve-predicted").nth(1).waitFor();
      assertEquals(await page.locator(".compare .curve-measured").count(), 1);
      await page.getByLabel("row", { exact: true }).fill("9");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Row 9, column 10" }).waitFor();
    });

    await test.step("the address brings the same back, and nothing serious is wrong with it", async () => {
      const again = await openPage(browser, service, { theme: "dark", width: 390 });
      await again.page.goto(page.url());
      await again.page.getByRole("heading", { name: "Row 9, column 10" }).waitFor();
      await again.page.locator(".compare .curve-predicted").nth(1).waitFor();
      assertEquals([await seriousFaults(page), await seriousFaults(again.page)], [[], []]);
      const over = await again.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(over <= 0, `${over} pixels wider than the window`);
      await again.context.close();
    });
    assertEquals(faults, []);
    await context.close();
  }));

function numberOf(text: string): number {
  const [, mantissa, exponent] = /^(.*?)(?:×10(.*))?$/.exec(text.replaceAll("−", "-"))!;
  const digits = (exponent ?? "").replaceAll("⁻", "-").replace(
    /[⁰¹²³⁴⁵⁶⁷⁸⁹]/g,
    (digit) => String("⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(digit)),
  );
  return Number(mantissa) * 10 ** Number(digits || 0);
}
