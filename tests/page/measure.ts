import type { Page } from "playwright-core";
import { ndArray } from "../../lib/base/nd_array.ts";
import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import type { RunningService } from "../support/running_service.ts";
import { uploadCube } from "../support/small_cube.ts";
import { openPage, withBrowser } from "./browser.ts";

/** How quick the page is in a real browser on a real service; prints one line a goal. */
function report(what: string, value: number, goal: string): void {
  console.log(`${what.padEnd(56)} ${value.toFixed(0).padStart(6)}   goal ${goal}`);
}

/** A cube of smooth stripes with these sides. */
async function stripes(service: RunningService, name: string, [rows, cols, points]: [number, number, number]) {
  const values = new Float32Array(rows * cols * points);
  for (let i = 0; i < values.length; i++) {
    const pixel = Math.floor(i / points);
    values[i] = Math.sin((i % points) / 9 + Math.floor(pixel / cols) / 5 + (pixel % cols) / 7);
  }
  return (await uploadCube(service, encodeNpy(ndArray(values, [rows, cols, points])), name)).id;
}

async function firstView(page: Page, url: string): Promise<number> {
  const begun = performance.now();
  await page.goto(url, { waitUntil: "commit" });
  await page.locator(".loop-panel .curve-predicted").waitFor();
  return performance.now() - begun;
}

/** Milliseconds from a click to the frame in which both loops of the new pixel are drawn: the median of 40. */
function clickToLoops(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const map = document.querySelector("#map-panel .map-top")!;
    const box = map.getBoundingClientRect();
    const predicted = () => document.querySelector(".loop-panel .curve-predicted")?.getAttribute("d");
    const times: number[] = [];
    for (let i = 0; i < 40; i++) {
      const clientX = box.left + box.width * (0.15 + 0.7 * ((i * 37) % 40) / 40);
      const clientY = box.top + box.height * (0.15 + 0.7 * ((i * 17) % 40) / 40);
      const before = predicted();
      const begun = performance.now();
      for (const type of ["pointermove", "pointerdown", "pointerup"]) {
        map.dispatchEvent(new PointerEvent(type, { bubbles: true, clientX, clientY, pointerId: 1, button: 0 }));
      }
      while (predicted() === before) await frame();
      times.push(performance.now() - begun);
    }
    return times.sort((a, b) => a - b)[20];
  });
}

/** Frames a second while the slider runs through all steps, each of which must be drawn. */
function sliderFrames(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const slider = document.querySelector<HTMLInputElement>("#slice")!;
    const steps = Number(slider.max) + 1;
    const begun = performance.now();
    for (let i = 0; i < steps; i++) {
      slider.value = String(i);
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return steps / (performance.now() - begun) * 1000;
  });
}

/** Frames a second while a map is magnified by the wheel and dragged. */
function panFrames(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const map = document.querySelector<HTMLCanvasElement>("#map-panel .map-top")!;
    map.focus();
    const { left, top } = map.getBoundingClientRect();
    const begun = performance.now();
    const at = (x: number) => ({
      bubbles: true,
      cancelable: true,
      clientX: left + x,
      clientY: top + 150,
      pointerId: 1,
    });
    for (let i = 0; i < 80; i++) {
      if (i < 40) map.dispatchEvent(new WheelEvent("wheel", { ...at(200), deltaY: -40 }));
      if (i === 40) map.dispatchEvent(new PointerEvent("pointerdown", { ...at(200), button: 0 }));
      if (i >= 40) map.dispatchEvent(new PointerEvent("pointermove", at(200 + (i - 40) * 4)));
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return 80 / (performance.now() - begun) * 1000;
  });
}

await withBrowser(async (browser, service) => {
  const { page, faults } = await openPage(browser, service);
  const warm = await firstView(page, service.url);
  report("first view with the demo cube, first visit, ms", warm, "< 1500");
  report("first view again, ms", await firstView(page, service.url), "< 1500");
  await page.waitForTimeout(3000);
  report("click to both loops, 60 x 60, median, ms", await clickToLoops(page), "< 100");
  await page.goto(`${service.url}/#/explore?cube=${await stripes(service, "large", [256, 256, 128])}`);
  await page.reload();
  await page.locator(".loop-panel .curve-measured").waitFor();
  await page.waitForTimeout(8000);
  report("slider, 256 x 256 x 128, frames a second", await sliderFrames(page), ">= 30");
  await page.goto(`${service.url}/#/explore?cube=${await stripes(service, "wide", [1024, 1024, 8])}`);
  await page.reload();
  await page.locator(".loop-panel .curve-measured").waitFor();
  await page.waitForTimeout(2000);
  report("zoom and drag, 1024 x 1024, frames a second", await panFrames(page), "smooth");
  for (const fault of faults) console.warn(fault);
});
