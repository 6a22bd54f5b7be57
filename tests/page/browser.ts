import axe from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { type RunningService, startService } from "../support/running_service.ts";

/** Debian's Chromium, or what CHROMIUM names; undefined where there is none. */
const CHROMIUM: string | undefined = [Deno.env.get("CHROMIUM"), "/usr/bin/chromium", "/usr/bin/chromium-browser"]
  .find((path) => {
    try {
      return path !== undefined && Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });

/** `Deno.test` for what needs a browser; skipped with a reason in its name where none is installed. */
export function testInBrowser(name: string, run: (context: Deno.TestContext) => Promise<void>): void {
  if (CHROMIUM) Deno.test(name, run);
  else Deno.test({ name: `${name} (skipped: no Chromium at /usr/bin/chromium)`, ignore: true, fn: () => {} });
}

export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}

/** A page of the service, and everything that went wrong on it. */
export interface WatchedPage {
  page: Page;
  context: BrowserContext;
  /** Uncaught errors, console errors, broken policy, requests to other hosts. */
  faults: string[];
  /** Paths of the requests so far. */
  requests: string[];
}

export interface PageOptions {
  width?: number;
  height?: number;
  theme?: "light" | "dark";
  /** Show the guided tour, as on a first visit. */
  tour?: boolean;
}

/** Opens a page in a context of its own. */
export async function openPage(
  browser: Browser,
  service: RunningService,
  { width = 1280, height = 900, theme = "light", tour = false }: PageOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    acceptDownloads: true,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const faults: string[] = [];
  const requests: string[] = [];
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => faults.push(`uncaught: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    requests.push(url.pathname);
    const own = url.origin === service.url || url.protocol === "blob:" || url.protocol === "data:";
    if (!own) faults.push(`request to ${url.origin}`);
  });
  await page.addInitScript(`
    document.addEventListener("securitypolicyviolation", (event) => console.error("policy: " + event.violatedDirective));
    ${tour ? "" : 'localStorage.setItem("loopscope.guide", "yes");'}
  `);
  return { page, context, faults, requests };
}

/** Starts the service and a browser for a group of tests and ends both. */
export async function withBrowser(
  run: (browser: Browser, service: RunningService) => Promise<void>,
  environment?: Record<string, string>,
): Promise<void> {
  const service = await startService({ environment });
  const browser = await launchBrowser();
  try {
    await run(browser, service);
  } finally {
    await browser.close();
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
}

/** What axe calls serious or critical. */
export async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run({ resultTypes: ["violations"] })
  );
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}`));
}
