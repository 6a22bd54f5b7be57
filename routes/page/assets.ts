import type { StaticAsset, StaticAssets } from "../response/static_assets.ts";
import { encodeHex } from "./hex.ts";

const TYPES: Record<string, string> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/**
 * Reads the bundled page (`deno task page`) into memory: `/` and `/page/NAME`. Undefined where it has not been built.
 * Names of script and style carry a hash of their content and never change under one name.
 */
export async function loadPage(folder: URL = new URL("dist/", import.meta.url)): Promise<StaticAssets | undefined> {
  const names = await listNames(folder);
  if (!names.includes("index.html")) return undefined;
  const byPath = new Map<string, StaticAsset>();
  for (const name of names) {
    const contentType = TYPES[name.slice(name.lastIndexOf(".") + 1)];
    if (contentType) byPath.set(name === "index.html" ? "/" : `/page/${name}`, await read(folder, name, contentType));
  }
  return (path) => byPath.get(path);
}

async function listNames(folder: URL): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function read(folder: URL, name: string, contentType: string): Promise<StaticAsset> {
  const body = await Deno.readFile(new URL(name, folder));
  const digest = encodeHex(new Uint8Array(await crypto.subtle.digest("SHA-256", body)));
  const variant = (ending: string) => Deno.readFile(new URL(name + ending, folder)).catch(() => undefined);
  return {
    body,
    contentType,
    tag: digest.slice(0, 24),
    immutable: /-[0-9a-f]{12}\./.test(name),
    encoded: { br: await variant(".br"), gzip: await variant(".gz") },
  };
}
