import type { Locator, Page } from "playwright-core";
import { assert, assertEquals } from "../support/assert.ts";
import { filmFile, smallJob, trainModel, uploadCube } from "../support/small_cube.ts";
import { openPage, seriousFaults, testInBrowser, withBrowser } from "./browser.ts";

const HOSTILE = `<img src=x onerror="globalThis.broken=1"><script>globalThis.broken=1</script>`;
const MODEL = "tiny";
/** Both spectra of the pin in focus are drawn. */
const BOTH = ".loop-panel .curve-measured, .loop-panel .curve-predicted";

/** The drawn curves of the loop panel, as path data. */
async function curves(page: Page): Promise<string[]> {
  return await page.locator(BOTH).evaluateAll((paths) => paths.map((path) => path.getAttribute("d") ?? ""));
}

/** Waits until both curves are drawn and differ from those before. */
async function bothLoops(page: Page, before: string[] = []): Promise<string[]> {
  await page.waitForFunction(
    ([selector, old]) => {
      const drawn = [...document.querySelectorAll(selector)].map((path) => path.getAttribute("d"));
      return drawn.length === 2 && drawn.every((d, i) => d && d.length > 100 && d !== old[i]);
    },
    [BOTH, before] as const,
  );
  return await curves(page);
}

/** The number of different colours on a canvas: 1 when nothing was drawn. */
async function colours(canvas: Locator): Promise<number> {
  return await canvas.evaluate((element) => {
    const { width, height } = element as HTMLCanvasElement;
    const { data } = (element as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height);
    return new Set(new Uint32Array(data.buffer)).size;
  });
}

async function picture(page: Page): Promise<string> {
  return await page.locator("#map-panel canvas").first().evaluate((element) =>
    (element as HTMLCanvasElement).toDataURL()
  );
}

/** Clicks the map at a pixel of a cube of this many rows and columns. */
async function clickPixel(page: Page, [row, col]: [number, number], [rows, cols]: [number, number]): Promise<void> {
  const map = page.locator("#map-panel .map-top");
  const box = (await map.boundingBox())!;
  await map.click({ position: { x: (col + 0.5) / cols * box.width, y: (row + 0.5) / rows * box.height } });
}

testInBrowser("the page on a real service", (test) =>
  withBrowser(async (browser, service) => {
    const size: [number, number] = [24, 24];
    const cube = await uploadCube(service, await filmFile(...size, 16), "Small%20film");
    await trainModel(service, smallJob(cube.id, MODEL, { window: 8 }));
    const start = `${service.url}/#/explore?cube=${cube.id}&model=${MODEL}@1`;

    await test.step("first view: map, input patch and both loops, nothing broken, no other host", async () => {
      const { page, context, faults } = await openPage(browser, service);
      await page.goto(start);
      await bothLoops(page);
      assert.ok(await colours(page.locator("#map-panel canvas").first()) > 20, "the map is empty");
      assert.ok(await colours(page.locator(".patch-panel canvas").first()) > 5, "the patch is empty");
      assertEquals(faults, []);
      await context.close();
    });

    await test.step("the guided minute speaks of input, prediction, failure and why", async () => {
      const { page, context, faults } = await openPage(browser, service, { tour: true });
      await page.goto(start);
      const titles: string[] = [];
      for (let step = 0; step < 4; step++) {
        titles.push(await page.locator(".guide h2").innerText());
        if (step < 3) await page.getByRole("button", { name: "Next" }).click();
      }
      assertEquals(titles, ["What goes in", "What comes out", "Where it fails", "Why that matters"]);
      await page.waitForFunction(() => location.hash.includes("layer=error:nrmse"));
      const { nrmse } = await service.json<{ nrmse: { data: (number | null)[] } }>(
        `/v1/models/${MODEL}/versions/1/cubes/${cube.id}/errors`,
      );
      const worst = nrmse.data.reduce<number>(
        (best, value, i) => (value ?? -1) > (nrmse.data[best] ?? -1) ? i : best,
        0,
      );
      const pin = `pins=${Math.floor(worst / size[1])}.${worst % size[1]}`;
      await page.waitForFunction((wanted) => location.hash.includes(wanted), pin);
      await page.getByRole("button", { name: "Explore", exact: true }).last().click();
      await page.reload();
      await bothLoops(page);
      assertEquals(await page.locator(".guide").count(), 0);
      assertEquals(faults, []);
      await context.close();
    });

    await test.step("a click pins a pixel and draws what the service says of it", async () => {
      const { page, context, faults } = await openPage(browser, service);
      await page.goto(start);
      const before = await bothLoops(page);
      await clickPixel(page, [9, 15], size);
      await bothLoops(page, before);
      const { coercivePositive } = await service.json<{ coercivePositive: { data: number[] } }>(
        `/v1/cubes/${cube.id}/loops`,
      );
      const row = page.locator(".parameter-panel tr", { hasText: "Coercive bias V+" });
      const met = Number((await row.locator("td").first().innerText()).replace("−", "-").replace(/ m?V/, "")) *
        ((await row.locator("td").first().innerText()).includes("mV") ? 0.001 : 1);
      const wanted = coercivePositive.data[9 * size[1] + 15];
      assert.ok(Math.abs(met - wanted) <= 0.01 * Math.abs(wanted), `met ${met}; expected ${wanted}`);
      await page.keyboard.down("Shift");
      await clickPixel(page, [14, 6], size);
      await page.keyboard.up("Shift");
      await page.waitForFunction(() => document.querySelectorAll(".pin-list li").length === 2);
      await page.locator("#map-panel .map-top").focus();
      await page.keyboard.press("ArrowRight");
      await page.waitForFunction(() => location.hash.includes("pins=9.15_14.7"));
      await page.keyboard.press("Delete");
      await page.waitForFunction(() => location.hash.includes("pins=9.15") && !/pins=[^&]*_/.test(location.hash));
      assertEquals(faults, []);
      await context.close();
    });

    await test.step("the slider moves the map, and a pixel without a patch says so", async () => {
      const { page, context, faults } = await openPage(browser, service);
      await page.goto(start);
      await bothLoops(page);
      const before = await picture(page);
      await page.locator("#slice").focus();
      for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowRight");
      await page.waitForFunction(() => location.hash.includes("i=4"));
      await page.waitForFunction((old) => {
        return document.querySelector<HTMLCanvasElement>("#map-panel canvas")!.toDataURL() !== old;
      }, before);
      await clickPixel(page, [0, 0], size);
      await page.getByText("leaves the map", { exact: false }).first().waitFor();
      assertEquals(await page.locator(".loop-panel .curve-predicted").count(), 0);
      assertEquals(faults, []);
      await context.close();
    });

    await test.step("every kind of map can be shown", async () => {
      const { page, context, faults } = await openPage(browser, service);
      await page.goto(start);
      await bothLoops(page);
      const picker = page.getByLabel("What the map shows");
      await page.waitForFunction(() => document.querySelectorAll(".layer-picker option").length > 20);
      const layers = await picker.locator("option").evaluateAll((list) =>
        list.map((o) => (o as HTMLOptionElement).value)
      );
      const some = ["slice", "predicted", "residual", "error:nrmse", "latent:1", "class", "pca:0"];
      some.push(...["measured", "predicted", "difference"].map((side) => `loop:area:${side}`));
      for (const layer of some) {
        assert.ok(layers.includes(layer), `${layer} is not among ${layers}`);
        await picker.selectOption(layer);
        await page.locator(".map-veil").waitFor({ state: "detached" });
        assertEquals(await page.locator("#map-panel .failure").count(), 0, layer);
        assert.ok(await colours(page.locator("#map-panel canvas").first()) > 1, `${layer} is empty`);
      }
      assertEquals(faults, []);
      await context.close();
    });

    await test.step("a permalink brings the same view back", async () => {
      const { page, context, faults } = await openPage(browser, service);
      await page.goto(`${start}&layer=error:mse&colours=cividis&pins=8.8_12.13&r=1&range=5,95&zoom=2,10,12`);
      await page.waitForFunction(() => document.querySelectorAll(".curve-predicted").length === 2);
      await page.locator(".map-veil").waitFor({ state: "detached" });
      const [address, drawn, image] = [page.url(), await curves(page), await picture(page)];
      await page.reload();
      await page.waitForFunction(
        ([selector, old]) => {
          const now = [...document.querySelectorAll(selector)].map((path) => path.getAttribute("d"));
          return JSON.stringify(now) === JSON.stringify(old);
        },
        [BOTH, drawn] as const,
      );
      await page.waitForFunction((old) => {
        return document.querySelector<HTMLCanvasElement>("#map-panel canvas")!.toDataURL() === old;
      }, image);
      assertEquals(page.url(), address);
      assertEquals(faults, []);
      await context.close();
    });

    await test.step("the latent plane selects on the map and decodes under the ring", async () => {
      const { page, context, faults, requests } = await openPage(browser, service);
      await page.goto(start.replace("explore", "latent"));
      const plane = page.locator(".scatter canvas").last();
      await page.locator(".latent-decode .curve-predicted").waitFor();
      const decoded = () => page.locator(".latent-decode .curve-predicted").getAttribute("d");
      const [first, box] = [await decoded(), (await plane.boundingBox())!];
      const middle = [box.x + 38 + (box.width - 46) / 2, box.y + (box.height - 16) / 2];
      await page.mouse.move(middle[0], middle[1]);
      await page.mouse.down();
      await page.mouse.move(middle[0] + 70, middle[1] - 60, { steps: 12 });
      await page.mouse.up();
      await page.waitForFunction((old) => {
        const path = document.querySelector(".latent-decode .curve-predicted");
        return location.hash.includes("probe=") && path !== null && path.getAttribute("d") !== old;
      }, first);
      assert.ok(requests.filter((path) => path.endsWith("/decode")).length >= 2, "the drag decoded only once");
      await page.mouse.move(box.x + 42, box.y + 10);
      await page.mouse.down();
      await page.mouse.move(middle[0], box.y + box.height - 30, { steps: 5 });
      await page.mouse.up();
      const note = page.locator(".latent-map .panel-note");
      await page.waitForFunction(() =>
        /^[1-9]\d* pixels/.test(document.querySelector(".latent-map .panel-note")!.textContent!)
      );
      const count = parseInt(await note.innerText());
      assert.ok(count > 0 && count < 17 * 17, `met ${count} selected pixels`);
      await page.locator(".manifold").waitFor();
      assertEquals(await page.locator(".components > li").count(), 4);
      assertEquals(faults, []);
      await context.close();
    });

    await test.step("train on a drawn region, see the curve, go to the card", async () => {
      const { page, context, faults } = await openPage(browser, service);
      await page.goto(`${service.url}/#/train?cube=${cube.id}&model=${MODEL}@1`);
      const map = page.locator(".train-map .map-top");
      const box = (await map.boundingBox())!;
      const at = (row: number, col: number): [number, number] => [
        box.x + (col + 0.5) / size[1] * box.width,
        box.y + (row + 0.5) / size[0] * box.height,
      ];
      await page.mouse.move(...at(2, 1));
      await page.mouse.down();
      await page.mouse.move(...at(21, 14), { steps: 4 });
      await page.mouse.up();
      await page.getByLabel("Patch window").fill("4");
      await page.getByLabel("Filters").fill("4");
      await page.getByLabel("Epochs").fill("3");
      await page.getByLabel("Ensemble members").fill("1");
      await page.getByLabel("Name").fill("drawn");
      await page.locator(".train-form button").click();
      await page.locator(".job-panel .state-succeeded").waitFor({ timeout: 60_000 });
      await page.getByLabel("Loss over 3 epochs", { exact: false }).waitFor();
      assert.ok(await colours(page.locator(".loss-plot canvas")) > 5, "no curve was drawn");
      const { training } = await service.json<{ training: { region: unknown } }>("/v1/models/drawn/versions/1");
      assertEquals(training.region, { row: 2, col: 1, rows: 20, cols: 14 });
      await page.getByRole("button", { name: "Model card" }).click();
      await page.getByText("drawn, version 1").first().waitFor();
      await page.getByText("Ridge regression", { exact: true }).waitFor();
      assertEquals(faults, []);
      await context.close();
    });

    await test.step("names from files are text, never markup", async () => {
      const hostile = await uploadCube(service, await filmFile(12, 12, 16, 3), encodeURIComponent(HOSTILE));
      const { page, context, faults } = await openPage(browser, service);
      await page.goto(`${service.url}/#/data?cube=${hostile.id}`);
      await page.getByRole("button", { name: HOSTILE }).first().waitFor();
      await page.goto(`${service.url}/#/explore?cube=${hostile.id}`);
      await page.locator(".loop-panel .curve-measured").waitFor();
      assertEquals(await page.locator("img[src=x]").count(), 0);
      assertEquals(await page.evaluate(() => "broken" in globalThis), false);
      assertEquals(faults, []);
      await context.close();
    });

    await test.step("spectra, maps and tables are saved as files", async () => {
      const { page, context, faults } = await openPage(browser, service);
      await page.goto(`${start}&pins=9.15`);
      await bothLoops(page);
      const saved = async (panel: string, item: string) => {
        await page.locator(`${panel} summary`).click();
        const waiting = page.waitForEvent("download");
        await page.locator(`${panel} .menu-items`).getByRole("button", { name: item }).click();
        return await Deno.readFile(await (await waiting).path());
      };
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      const csv = text(await saved(".loop-panel", "Save CSV")).trim().split("\r\n");
      const { values } = await service.json<{ values: { data: number[] } }>(
        `/v1/cubes/${cube.id}/spectrum?row=9&col=15`,
      );
      assertEquals(csv.slice(1).map((line) => Math.fround(Number(line.split(",")[1]))), values.data.map(Math.fround));
      assert.ok(text(await saved(".loop-panel", "Save SVG")).includes("<path"));
      assertEquals([...(await saved("#map-panel", "Save PNG")).subarray(1, 4)], [0x50, 0x4e, 0x47]);
      const npy = await saved("#map-panel", "Save NPY");
      assert.ok(text(npy.subarray(0, 128)).includes("'shape': (24, 24)"));
      assertEquals(npy.length, 128 + 24 * 24 * 4);
      assertEquals(faults, []);
      await context.close();
    });

    await test.step("no serious accessibility fault on any tab, light and dark, wide and narrow", async () => {
      const views = [
        { theme: "light", width: 1280, tabs: ["explore", "latent", "train"] },
        { theme: "dark", width: 390, tabs: ["explore", "latent", "train", "data", "models"] },
      ] as const;
      for (const { tabs, ...options } of views) {
        const { page, context } = await openPage(browser, service, options);
        for (const tab of tabs) {
          await page.goto(start.replace("explore", tab));
          await page.locator("main .panel canvas, main .rows").first().waitFor();
          await page.waitForFunction(() => document.querySelectorAll(".waiting").length === 0);
          assertEquals(await seriousFaults(page), [], `${tab}, ${options.theme}`);
          const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(over <= 0, `${tab} is ${over} pixels wider than the window of ${options.width}`);
        }
        await context.close();
      }
    });

    await test.step("a service that has gone is said to be gone, and comes back", async () => {
      const { page, context } = await openPage(browser, service);
      await page.goto(start);
      await bothLoops(page);
      await context.setOffline(true);
      await page.getByLabel("What the map shows").selectOption("pca:1");
      await page.getByText("The service cannot be reached").waitFor();
      await context.setOffline(false);
      await page.getByRole("button", { name: "Try again" }).click();
      await page.locator("#map-panel .failure").waitFor({ state: "detached" });
      await context.close();
    });
  }));
