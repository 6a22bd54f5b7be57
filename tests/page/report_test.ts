import { assert, assertEquals } from "../support/assert.ts";
import { filmFile, smallJob, trainModel, uploadCube } from "../support/small_cube.ts";
import { openPage, seriousFaults, testInBrowser, withBrowser } from "./browser.ts";

testInBrowser("a report of a model on a cube", (test) =>
  withBrowser(async (browser, service) => {
    const cube = await uploadCube(service, await filmFile(24, 24, 16), "film");
    for (const direction of ["im2spec", "spec2im"]) {
      await trainModel(service, smallJob(cube.id, direction, { window: 8, direction }));
    }
    for (const direction of ["im2spec", "spec2im"]) {
      await test.step(`${direction}: figures, scores, settings and commands, on a page to print`, async () => {
        const { page, context, faults } = await openPage(browser, service);
        await page.goto(`${service.url}/#/explore?cube=${cube.id}&model=${direction}@1`);
        await page.getByRole("button", { name: "Report" }).click();
        await page.getByRole("heading", { name: `${direction}, version 1, on film` }).waitFor();
        await page.locator(".report-pixels figure").nth(2).waitFor();
        await page.locator(".report-figures canvas").nth(3).waitFor();
        assert.match(await page.locator(".report").innerText(), /Best: row[\s\S]*Ridge regression[\s\S]*SHA-256/);
        assertEquals(await seriousFaults(page), []);
        const [train] = (await page.getByLabel("Commands", { exact: true }).last().innerText()).split("\n");
        const body = JSON.parse(/-d '(.*?)'/.exec(train)![1]);
        assertEquals([body.direction, body.cube, body.epochs, body.saveAs], [direction, cube.id, 3, direction]);
        await trainModel(service, { ...body, saveAs: `${direction}-again` });
        const weights = async (name: string) =>
          (await service.json<{ weights: { sha256: string } }>(`/v1/models/${name}/versions/1`)).weights.sha256;
        assertEquals(await weights(`${direction}-again`), await weights(direction));
        await page.emulateMedia({ media: "print" });
        assert.ok(!await page.locator("header.top").isVisible());
        const pdf = await page.pdf({ format: "A4" });
        assertEquals(new TextDecoder().decode(pdf.subarray(0, 5)), "%PDF-");
        assertEquals(faults, []);
        await context.close();
      });
    }
  }));
