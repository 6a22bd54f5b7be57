import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { loadPage } from "../../routes/page/assets.ts";
import { assetResponse } from "../../routes/response/static_assets.ts";
import { assert, assertEquals } from "../support/assert.ts";

/** Issue of the page: script, style, icon and document together. */
const MOST_BYTES = 200_000;

async function page() {
  const assets = await loadPage();
  assert.ok(assets, "the page is not built: deno task page");
  return assets;
}

async function files(): Promise<string[]> {
  const html = new TextDecoder().decode((await page())("/")!.body);
  return ["/", ...[...html.matchAll(/(?:href|src)="(\/[^"]+)"/g)].map((match) => match[1])];
}

Deno.test("the document names only files of its own, and nothing is inline", async () => {
  const assets = await page();
  const html = new TextDecoder().decode(assets("/")!.body);
  const paths = await files();
  assert.ok(paths.length >= 4);
  for (const path of paths) assert.ok(assets(path), `${path} is not served`);
  assert.ok(!/https?:\/\//.test(html), "the document names another host");
  assert.ok(!/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/i.test(html), "the document has inline code or style");
});

Deno.test("all that a first visit loads is small", async () => {
  const assets = await page();
  const sizes = (await files()).map((path) => assets(path)!.encoded!.br!.length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(total < MOST_BYTES, `met ${total} bytes compressed; expected fewer than ${MOST_BYTES}`);
});

Deno.test("the compressed forms are the file", async () => {
  const assets = await page();
  for (const path of await files()) {
    const { body, encoded } = assets(path)!;
    assertEquals(new Uint8Array(brotliDecompressSync(encoded!.br!)), body, path);
    assertEquals(new Uint8Array(gunzipSync(encoded!.gzip!)), body, path);
  }
});

Deno.test("names with a hash are kept for ever, the document is asked for again", async () => {
  const assets = await page();
  const script = (await files()).find((path) => path.endsWith(".js"))!;
  const answer = assetResponse(assets(script)!, new Headers({ "accept-encoding": "gzip, br" }));
  assertEquals(answer.headers.get("content-encoding"), "br");
  assert.match(answer.headers.get("cache-control")!, /immutable/);
  const document = assetResponse(assets("/")!, new Headers());
  assertEquals([document.headers.get("cache-control"), document.headers.get("content-encoding")], ["no-cache", null]);
  const tag = document.headers.get("etag")!;
  assertEquals(assetResponse(assets("/")!, new Headers({ "if-none-match": tag })).status, 304);
  assertEquals(
    assetResponse(assets("/")!, new Headers({ "accept-encoding": "br;q=0" })).headers.get("content-encoding"),
    null,
  );
});

Deno.test("a folder without a page gives none", async () => {
  const empty = await Deno.makeTempDir();
  try {
    assertEquals(await loadPage(new URL(`file://${empty}/`)), undefined);
    assertEquals(await loadPage(new URL(`file://${empty}/nowhere/`)), undefined);
  } finally {
    await Deno.remove(empty, { recursive: true });
  }
});
