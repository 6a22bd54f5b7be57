import type { ModelFiles } from "../../training/artifact/artifact.ts";

/** The files of a model's folder, for `loadModel`. A URL ends with a slash. */
export async function readModelFiles(folder: string | URL): Promise<ModelFiles> {
  const files: ModelFiles = new Map();
  for await (const { name } of Deno.readDir(folder)) {
    files.set(name, await Deno.readFile(folder instanceof URL ? new URL(name, folder) : `${folder}/${name}`));
  }
  return files;
}
