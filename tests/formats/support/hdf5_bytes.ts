import { File, ready } from "h5wasm";

/** The bytes of an HDF5 file that `build` fills; written in memory. */
export async function hdf5Bytes(build: (file: File) => void): Promise<Uint8Array<ArrayBuffer>> {
  const module = await ready;
  const path = `/${crypto.randomUUID()}.h5`;
  const file = new File(path, "w");
  build(file);
  file.flush();
  file.close();
  const bytes = module.FS.readFile(path) as Uint8Array<ArrayBuffer>;
  module.FS.unlink(path);
  return bytes;
}

/** A small cube's values, all different. */
export function ramp(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.37) + i * 1e-3);
}
