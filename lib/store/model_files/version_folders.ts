import { exists } from "../durable.ts";

/** Folders in a folder; none where there is no such folder. */
export function namesIn(root: string): string[] {
  if (!exists(root)) return [];
  return [...Deno.readDirSync(root)].filter((entry) => entry.isDirectory).map((entry) => entry.name);
}

/** Versions in the folder of a model, in no order. */
export function versionsIn(path: string): number[] {
  return namesIn(path).filter((name) => /^[1-9][0-9]*$/.test(name) && exists(`${path}/${name}/model.json`)).map(Number);
}
