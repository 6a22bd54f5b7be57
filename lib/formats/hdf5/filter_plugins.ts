import { base_url } from "h5wasm-plugins";
import type { H5Module } from "./hdf5_module.ts";

/** Compression filters by their registered number, and the plugin that reads each. */
const PLUGINS: Readonly<Record<number, string>> = {
  307: "bz2",
  32000: "lzf",
  32001: "blosc",
  32004: "lz4",
  32008: "bshuf",
  32015: "zstd",
  32026: "blosc2",
};
/** In the library's own file system, which holds nothing of the machine's. */
const FOLDER = "/filters";

/** Where the plugins lie on this machine: a process that parses files has to be allowed to read them. */
export const FILTER_PLUGINS = new URL(`${base_url}/plugins/`);

/** Whether a plugin reads what this filter wrote. */
export function hasPlugin(filter: number): boolean {
  return filter in PLUGINS;
}

/** Gives the library the plugin of a filter, once. Throws what reading the plugin throws. */
export function loadFilter(module: H5Module, filter: number): void {
  const plugin = PLUGINS[filter];
  if (plugin === undefined) return;
  const { FS } = module as unknown as { FS: EmscriptenFiles };
  if (!FS.analyzePath(FOLDER).exists) {
    FS.mkdirTree(FOLDER);
    // The paths that the library was built with would be looked through first.
    for (let i = module.get_plugin_search_paths().length - 1; i >= 0; i--) module.remove_plugin_search_path(i);
    module.insert_plugin_search_path(FOLDER, 0);
  }
  const name = `libH5Z${plugin}.so`;
  if (FS.analyzePath(`${FOLDER}/${name}`).exists) return;
  FS.writeFile(`${FOLDER}/${name}`, Deno.readFileSync(new URL(name, FILTER_PLUGINS)));
}

interface EmscriptenFiles {
  analyzePath(path: string): { exists: boolean };
  mkdirTree(path: string): void;
  writeFile(path: string, bytes: Uint8Array): void;
}
