import { unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import { type ByteFile, openByteFile } from "../byte_file.ts";
import { displayName } from "../display_name.ts";
import { hasPlugin, loadFilter } from "./filter_plugins.ts";
import { hdf5Error } from "./hdf5_error.ts";
import { type H5Metadata, type H5Module, loadHdf5 } from "./hdf5_module.ts";
import { elementOf, type Hdf5Element } from "./hdf5_type.ts";
import { unusualDataset } from "./hdf5_object_header.ts";
import { mountSingleFile } from "./single_file_mount.ts";

export interface Hdf5Dataset {
  path: string;
  shape: number[];
  element: Hdf5Element;
  chunk?: number[];
  isVirtual: boolean;
  /** Filters in the order in which they were applied, by their registered number. */
  filters: number[];
  /** Filters that neither the library nor a plugin of it can undo, by name. */
  unknownFilters: string[];
  /** Words for what the library would read wrongly: see `unusualDataset`. */
  unusual?: string;
}

export type Hdf5Link =
  | { kind: "group" | "dataset" | "other"; identity: string }
  | { kind: "soft"; target: string }
  | { kind: "external" };

/** A read at once: a row of the largest cube in its widest type, with room for compounds. */
const MAX_READ_BYTES = 2 ** 29;
const MAX_CHUNK_BYTES = 2 ** 28;
const MAX_SOFT_LINKS = 32;
/** gzip, shuffle, fletcher32, szip, n-bit, scale-offset */
const KNOWN_FILTERS = [1, 2, 3, 4, 5, 6];
/** Source: https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md */
const FILTER_NAMES: Record<number, string> = {
  32013: "ZFP",
};

/**
 * An HDF5 file of unknown origin, read-only. Paths given to it must come from its own walk or `resolve`, so that no
 * external link is ever followed; failures of the library come as `hdf5_damaged`.
 */
export class Hdf5File {
  #id: bigint;
  #unmount: () => void;

  private constructor(
    private readonly module: H5Module,
    private readonly file: ByteFile,
    private readonly superblock: number,
  ) {
    const { path, unmount } = mountSingleFile(module, file);
    this.#unmount = unmount;
    try {
      this.#id = module.open(path, module.H5F_ACC_RDONLY, false, -1, -1);
    } catch (cause) {
      unmount();
      throw hdf5Error(cause, "The HDF5 file");
    }
  }

  /** `superblock` is where the file's HDF5 signature stands. */
  static async open(path: string, superblock = 0): Promise<Hdf5File> {
    const module = await loadHdf5();
    const file = openByteFile(path);
    try {
      return new Hdf5File(module, file, superblock);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get sizeBytes(): number {
    return this.file.sizeBytes;
  }

  /** Names in a group. */
  names(group: string): string[] {
    return this.#call(`Group ${displayName(group)}`, () => this.module.get_names(this.#id, group, false));
  }

  /** What a name stands for; an external link is told by its kind and never followed. */
  link(path: string): Hdf5Link {
    return this.#call(`Link ${displayName(path)}`, () => {
      if (path === "/") return { kind: "group", identity: "root" };
      if (this.module.get_external_link(this.#id, path).filename !== undefined) return { kind: "external" };
      const target = this.module.get_symbolic_link(this.#id, path);
      if (target !== null) return { kind: "soft", target };
      const type = this.module.get_type(this.#id, path);
      const identity = this.module.create_object_reference(this.#id, path).join();
      const { H5G_GROUP, H5G_DATASET } = this.module;
      return { kind: type === H5G_GROUP ? "group" : type === H5G_DATASET ? "dataset" : "other", identity };
    });
  }

  /**
   * The path of an object without soft links on the way. Throws `dataset_missing`, `external_link`, or `link_loop`
   * after 32 soft links.
   */
  resolve(path: string): string {
    let rest = path.split("/").filter((part) => part !== "" && part !== ".");
    let done = "";
    for (let hops = 0; rest.length > 0;) {
      const next = `${done}/${rest[0]}`;
      if (!this.names(done || "/").includes(rest[0])) {
        throw missingDataset(path);
      }
      const link = this.link(next);
      rest = rest.slice(1);
      if (link.kind === "external") {
        const message = `${
          displayName(next)
        } is a link to another file, which is never followed: copy the data into one file`;
        throw unprocessable("external_link", message);
      }
      if (link.kind !== "soft") {
        if (rest.length > 0 && link.kind !== "group") throw missingDataset(path);
        done = next;
        continue;
      }
      if (++hops > MAX_SOFT_LINKS) {
        throw unprocessable("link_loop", `${displayName(path)} leads through more than ${MAX_SOFT_LINKS} soft links`);
      }
      rest = [...link.target.split("/").filter((part) => part !== "" && part !== "."), ...rest];
      if (link.target.startsWith("/")) done = "";
    }
    return done || "/";
  }

  dataset(path: string): Hdf5Dataset {
    return this.#call(`Dataset ${displayName(path)}`, () => {
      const metadata = this.module.get_dataset_metadata(this.#id, path);
      const chunk = metadata.chunks ?? undefined;
      const isVirtual = metadata.virtual_sources !== undefined;
      const filters = chunk ? this.module.get_dataset_filters(this.#id, path) : [];
      const unknownFilters = filters.filter(({ id }) => !KNOWN_FILTERS.includes(id) && !hasPlugin(id))
        .map(({ id, name }) => displayName(FILTER_NAMES[id] ?? (name || `filter ${id}`)));
      const unusual = unusualDataset(this.file, this.#headerAddress(path));
      return {
        path,
        shape: metadata.shape ?? [],
        element: elementOf(metadata),
        chunk,
        isVirtual,
        filters: filters.map(({ id }) => id),
        unknownFilters,
        unusual,
      };
    });
  }

  /**
   * The elements of a hyperslab as they lie in memory (row-major, the element's layout), handed to `use` and gone
   * after it.
   */
  withRaw<T>(
    dataset: Hdf5Dataset,
    [offset, count]: readonly [readonly number[], readonly number[]],
    use: (view: DataView) => T,
  ): T {
    const { path, shape, element } = dataset;
    if (offset.length !== shape.length || offset.some((first, axis) => first + count[axis] > shape[axis])) {
      throw new RangeError(`A read at [${offset}] of [${count}] leaves shape [${shape}]`);
    }
    checkReadable(dataset);
    for (const filter of dataset.filters) loadFilter(this.module, filter);
    const bytes = sizeOf(count) * element.bytes;
    return this.#call(`Dataset ${displayName(path)}`, () =>
      this.#withHeap(bytes, (at) => {
        // A slab that the file does not fill must not show what lay in memory before.
        this.module.HEAPU8.fill(0, at, at + bytes);
        const big = (values: readonly number[]) => values.map(BigInt);
        const ones = count.map(() => 1n);
        const status = this.#filtered(dataset, () =>
          shape.length === 0
            ? this.module.get_dataset_data(this.#id, path, null, null, null, BigInt(at))
            : this.module.get_dataset_data(this.#id, path, big(count), big(offset), ones, BigInt(at)));
        if (status < 0) {
          throw new Error("the library failed without a message");
        }
        return use(new DataView(this.module.HEAPU8.buffer, at, bytes));
      }));
  }

  /** An attribute's elements, raw, or undefined where there is none; more than 1 MiB counts as none. */
  attribute<T>(path: string, name: string, use: (view: DataView, metadata: H5Metadata) => T): T | undefined {
    const what = `Attribute ${displayName(name)} of ${displayName(path)}`;
    const metadata = this.#call(what, () => this.#attributeMetadata(path, name));
    if (!metadata) return undefined;
    const bytes = metadata.size * metadata.total_size;
    if (!metadata.shape || bytes === 0 || bytes > 2 ** 20) return undefined;
    return this.#call(what, () =>
      this.#withHeap(bytes, (at) => {
        this.module.get_attribute_data(this.#id, path, name, BigInt(at));
        return use(new DataView(this.module.HEAPU8.buffer, at, bytes), metadata);
      }));
  }

  /** The library's heap, for what variable-length values point to. */
  get heap(): Uint8Array {
    return this.module.HEAPU8;
  }

  /** The path of an object from a reference to it, or undefined where it points nowhere. */
  referenced(reference: Uint8Array): string | undefined {
    try {
      const name = this.module.get_referenced_name(this.#id, reference, true);
      return name ? this.resolve(name) : undefined;
    } catch {
      return undefined;
    }
  }

  close(): void {
    try {
      this.module.close_file(this.#id);
    } catch {
      // Damaged files may fail to close; the mount below is taken away all the same.
    }
    try {
      this.#unmount();
    } finally {
      this.file.close();
    }
  }

  /** An object reference is the address of the object's header, counted from the superblock. */
  #headerAddress(path: string): number {
    const reference = Uint8Array.from(this.module.create_object_reference(this.#id, path));
    return this.superblock + Number(new DataView(reference.buffer).getBigUint64(0, true));
  }

  #attributeMetadata(path: string, name: string): H5Metadata | undefined {
    try {
      return this.module.get_attribute_metadata(this.#id, path, name);
    } catch (error) {
      // What the library's wrapper says of an attribute that is not there; anything else is damage.
      if ((error as Error).message.includes("name not defined")) return undefined;
      throw error;
    }
  }

  /** A plugin that gives up on a chunk calls a reporting function that the library does not export to it. */
  #filtered<T>(dataset: Hdf5Dataset, read: () => T): T {
    try {
      return read();
    } catch (cause) {
      if (!(cause instanceof TypeError) || !dataset.filters.some(hasPlugin)) throw cause;
      throw new Error("its filter cannot decompress a chunk", { cause });
    }
  }

  #withHeap<T>(bytes: number, use: (at: number) => T): T {
    if (bytes > MAX_READ_BYTES) {
      throw unprocessable("read_too_large", `A read of ${bytes} bytes is needed; expected at most ${MAX_READ_BYTES}`);
    }
    const at = this.module._malloc(Math.max(1, bytes));
    if (at === 0) throw new Error(`no memory for ${bytes} bytes`);
    try {
      return use(at);
    } finally {
      this.module._free(at);
    }
  }

  #call<T>(what: string, run: () => T): T {
    try {
      return run();
    } catch (cause) {
      throw hdf5Error(cause, what);
    }
  }
}

/** Throws for what must not or cannot be read: `number_layout`, `virtual_dataset`, `hdf5_filter`, `chunk_too_large`. */
function checkReadable({ path, element, chunk, isVirtual, unknownFilters, unusual }: Hdf5Dataset): void {
  const name = displayName(path);
  if (unusual) {
    throw unprocessable(
      "number_layout",
      `${name} holds ${unusual}; expected whole-byte integers or IEEE floats in a sound header`,
    );
  }
  if (isVirtual) {
    const message = `${name} is a virtual dataset, which is not read: copy the values into a plain dataset`;
    throw unprocessable("virtual_dataset", message);
  }
  if (unknownFilters.length > 0) {
    // h5repack is no advice: without the filter it leaves the dataset out, and says so in a warning only.
    throw unprocessable(
      "hdf5_filter",
      `${name} is compressed with ${unknownFilters.join(" and ")}; expected gzip: write it again with what can read it`,
    );
  }
  const chunkBytes = chunk ? sizeOf(chunk) * element.bytes : 0;
  if (chunkBytes > MAX_CHUNK_BYTES) {
    const message = `${name} has chunks of ${chunkBytes} bytes; expected at most ${MAX_CHUNK_BYTES}`;
    throw unprocessable("chunk_too_large", message);
  }
}

function missingDataset(path: string) {
  return unprocessable("dataset_missing", `The file has no ${displayName(path)}`);
}
