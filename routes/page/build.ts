import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { encodeHex } from "./hex.ts";

const HERE = new URL("./", import.meta.url);
const DIST = new URL("dist/", HERE);
const TEXT = new TextEncoder();
/** In the order in which they apply. */
const STYLES = ["base", "frame", "spectra", "explore", "learn", "library"];

/** SHA-256 over every source file and the pinned packages: the same inputs need no new bundle. */
async function fingerprint(): Promise<string> {
  const parts: string[] = [await Deno.readTextFile(new URL("../../deno.json", HERE)), Deno.version.deno];
  for (const folder of ["./", "src/", "style/"]) {
    const names = [...Deno.readDirSync(new URL(folder, HERE))].filter((entry) => entry.isFile).map(({ name }) => name);
    for (const name of names.filter((name) => !name.endsWith(".png")).sort()) {
      parts.push(name, await Deno.readTextFile(new URL(folder + name, HERE)));
    }
  }
  return await sha256(TEXT.encode(parts.join("\0")));
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return encodeHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

async function bundle(): Promise<{ script: string; style: string }> {
  const result = await Deno.bundle({
    entrypoints: [fileURLToPath(new URL("src/main.tsx", HERE))],
    outputDir: fileURLToPath(DIST),
    platform: "browser",
    format: "esm",
    minify: true,
    write: false,
  });
  if (!result.success) throw new Error(result.errors.map((error) => error.text).join("\n"));
  const files = result.outputFiles ?? [];
  const textOf = (ending: string) => files.filter((file) => file.path.endsWith(ending)).map((f) => f.text()).join("\n");
  return { script: textOf(".js"), style: textOf(".css") };
}

/** Writes a file with its compressed forms beside it, so that serving costs nothing. */
async function writeAsset(name: string, text: string): Promise<number> {
  const bytes = TEXT.encode(text);
  const brotli = brotliCompressSync(bytes);
  await Deno.writeFile(new URL(name, DIST), bytes);
  await Deno.writeFile(new URL(`${name}.br`, DIST), brotli);
  await Deno.writeFile(new URL(`${name}.gz`, DIST), gzipSync(bytes));
  return brotli.length;
}

/** Bundles the page into `dist/`; names carry a hash of the content so that browsers may keep them for ever. */
async function build(): Promise<void> {
  const stampFile = new URL("stamp", DIST);
  const stamp = await fingerprint();
  if (await Deno.readTextFile(stampFile).catch(() => "") === stamp) return;
  const { script, style: packageStyle } = await bundle();
  const own = await Promise.all(STYLES.map((name) => Deno.readTextFile(new URL(`style/${name}.css`, HERE))));
  const style = [packageStyle, ...own].join("\n");
  const scriptName = `app-${(await sha256(TEXT.encode(script))).slice(0, 12)}.js`;
  const styleName = `style-${(await sha256(TEXT.encode(style))).slice(0, 12)}.css`;
  const html = (await Deno.readTextFile(new URL("index.html", HERE)))
    .replace("app.js", scriptName).replace("style.css", styleName);
  await Deno.remove(DIST, { recursive: true }).catch(() => {});
  await Deno.mkdir(DIST, { recursive: true });
  const sizes = [
    await writeAsset(scriptName, script),
    await writeAsset(styleName, style),
    await writeAsset("icon.svg", await Deno.readTextFile(new URL("icon.svg", HERE))),
    await writeAsset("index.html", html),
  ];
  await Deno.writeTextFile(stampFile, stamp);
  console.log(`page: ${(sizes.reduce((sum, size) => sum + size, 0) / 1000).toFixed(1)} kB compressed`);
}

if (import.meta.main) {
  await build().catch((error) => {
    const unwritable = error instanceof Deno.errors.PermissionDenied || /read-only file system/i.test(error.message);
    if (!unwritable) throw error;
    console.error(`loopscope: ${fileURLToPath(DIST)} cannot be written; expected a checkout that this user may write`);
    Deno.exit(2);
  });
}
