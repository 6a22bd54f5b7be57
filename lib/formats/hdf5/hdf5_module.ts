import { type Metadata, ready } from "h5wasm";

type LoadedModule = Awaited<typeof ready>;

/** The HDF5 library, compiled to WebAssembly. */
export type H5Module = LoadedModule;
export type H5Metadata = Metadata;

/**
 * The library with its throwing error handler on: without it a corrupt chunk is returned as zeros and garbage opens
 * as a file.
 */
export async function loadHdf5(): Promise<H5Module> {
  const module = await ready;
  module.activate_throwing_error_handler();
  return module;
}
