import { createHash } from "node:crypto";

export const CUBES = "cubes/";

/** The object of one of a cube's files; of all of them without a name. */
export function cubeKey(id: string, file = ""): string {
  return `${CUBES}${id}/${file}`;
}

/**
 * The object of an image channel. Channels are only ever added, and two that were to be added at one index by two
 * processes have two names.
 */
export function imageKey(id: string, index: number, name: string): string {
  const digest = createHash("sha256").update(name).digest("hex");
  return cubeKey(id, `maps/${index}-${digest.slice(0, 32)}.f32`);
}
