import { type LoopscopeError, unprocessable } from "../../base/errors.ts";
import type { FormatLimits } from "../cube_source.ts";
import { displayName } from "../display_name.ts";
import type { Hdf5Dataset, Hdf5File } from "./hdf5_file.ts";

/** Every group and dataset of a file that is reached by hard links, each once. */
export interface Hdf5Tree {
  groups: string[];
  datasets: Hdf5Dataset[];
  /** Paths of links to other files, which are not followed. */
  external: string[];
  /** Objects that could not be looked at, with why. */
  damaged: { path: string; error: LoopscopeError }[];
}

const MAX_DEPTH = 100;

/** Walks a file breadth first; an object met again (a cycle of hard links) is not entered again. */
export function walkHdf5(file: Hdf5File, limits: FormatLimits): Hdf5Tree {
  const tree: Hdf5Tree = { groups: [], datasets: [], external: [], damaged: [] };
  const seen = new Set<string>();
  let level = ["/"];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) {
      throw unprocessable("too_deep", `Groups are nested deeper than ${MAX_DEPTH}, at ${displayName(level[0])}`);
    }
    const next: string[] = [];
    for (const path of level) {
      if (seen.size > limits.maxObjects) {
        throw unprocessable("too_many_objects", `The file holds more than ${limits.maxObjects} groups and datasets`);
      }
      visit(file, path, tree, seen, next);
    }
    level = next;
  }
  return tree;
}

function visit(file: Hdf5File, path: string, tree: Hdf5Tree, seen: Set<string>, next: string[]): void {
  try {
    const link = file.link(path);
    if (link.kind === "external") tree.external.push(path);
    if (link.kind === "external" || link.kind === "soft" || link.kind === "other") return;
    if (seen.has(link.identity)) return;
    seen.add(link.identity);
    if (link.kind === "dataset") return void tree.datasets.push(file.dataset(path));
    tree.groups.push(path);
    const parent = path === "/" ? "" : path;
    for (const name of file.names(path)) next.push(`${parent}/${name}`);
  } catch (error) {
    tree.damaged.push({ path, error: error as LoopscopeError });
  }
}
