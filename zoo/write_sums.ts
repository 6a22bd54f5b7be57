import { sha256Hex } from "../lib/training/artifact/sha256.ts";

const ZOO = new URL("./", import.meta.url);

/** `SHA256SUMS` of all shipped files, which the doctor compares: a line each, sorted, as `sha256sum` writes them. */
export async function sumsOfZoo(zoo = ZOO): Promise<string> {
  const lines: string[] = [];
  for (const name of namesIn(zoo)) {
    for (const version of namesIn(new URL(`${name}/`, zoo))) {
      for (const { name: file } of Deno.readDirSync(new URL(`${name}/${version}/`, zoo))) {
        const path = `${name}/${version}/${file}`;
        lines.push(`${await sha256Hex(await Deno.readFile(new URL(path, zoo)))}  ${path}`);
      }
    }
  }
  return lines.sort((a, b) => a.slice(66) < b.slice(66) ? -1 : 1).join("\n") + "\n";
}

function namesIn(folder: URL): string[] {
  return [...Deno.readDirSync(folder)].filter((entry) => entry.isDirectory).map((entry) => entry.name);
}

if (import.meta.main) await Deno.writeTextFile(new URL("SHA256SUMS", ZOO), await sumsOfZoo());
