import { arraySource, type StoredArray } from "../array_source.ts";
import { type DescribedAxis, uniformValues } from "../axes.ts";
import type { ByteFile } from "../byte_file.ts";
import type { CubeSource, FormatLimits } from "../cube_source.ts";
import { displayName } from "../display_name.ts";
import type { FloatArray } from "../scalar_type.ts";
import { readZipEntries, type ZipEntry } from "../zip/zip_archive.ts";
import { checkZipEntry, openZipEntry } from "../zip/zip_entry_file.ts";
import { zarrChunks, type ZarrStore } from "./zarr_chunks.ts";
import { zarrError } from "./zarr_error.ts";
import { type JsonObject, objectOf, parseZarr2, parseZarr3, type ZarrArray } from "./zarr_metadata.ts";

const METADATA = /(^|\/)(\.zarray|\.zgroup|zarr\.json)$/;
const MAX_JSON_BYTES = 2 ** 22, LONGEST_AXIS = 65536;
const UNSET = /^(_None_|None|<undefined>|)$/;

/** Whether an archive holds a Zarr hierarchy. */
export function hasZarr(file: ByteFile): boolean {
  return readZipEntries(file).some(({ name }) => METADATA.test(name));
}

/**
 * Opens a Zarr hierarchy of version 2 or 3 in a ZIP archive: HyperSpy's zspy with its axes, xarray's arrays with the
 * coordinates of their dimensions, or plain arrays. Chunks are unpacked when they are read. Throws `zarr_malformed`.
 */
export function openZarrSource(file: ByteFile, limits: FormatLimits): CubeSource {
  // An entry that was written again is found under the same name: the last one counts.
  const entries = new Map(readZipEntries(file).map((entry) => [entry.name, entry]));
  const store: ZarrStore = { file, entries };
  const arrays = [...entries.values()].flatMap((entry) => arrayAt(store, entry) ?? []);
  const byPath = new Map(arrays.map((array) => [array.path, array]));
  const isAxis = ({ path, shape, dimensions }: ZarrArray) =>
    shape.length === 1 && dimensions[0] === path.split("/").at(-1);
  const stored = arrays.filter((array) => !isAxis(array)).map((array) => describe(store, array, byPath));
  return arraySource(stored, { format: "zarr", limits, close: () => file.close() });
}

function arrayAt(store: ZarrStore, entry: ZipEntry): ZarrArray | undefined {
  const [, folder = "", name] = /^(?:(.*)\/)?(\.zarray|zarr\.json)$/.exec(entry.name) ?? [];
  if (name === ".zarray") {
    return parseZarr2(folder, readJson(store, entry.name), readJson(store, join(folder, ".zattrs")));
  }
  if (name !== "zarr.json") return undefined;
  const json = readJson(store, entry.name);
  return json.node_type === "array" ? parseZarr3(folder, json) : undefined;
}

function describe(store: ZarrStore, array: ZarrArray, byPath: ReadonlyMap<string, ZarrArray>): StoredArray {
  const { path, shape, type, attributes } = array;
  const text = (key: string) => typeof attributes[key] === "string" ? attributes[key] : "";
  const group = path.split("/").slice(0, -1).join("/");
  const signal = readJson(store, join(group, "metadata/Signal/.zattrs"));
  const [, quantity, unit] = /^(.*?)\s*(?:\(([^()]*)\))?$/.exec(String(signal.quantity ?? "")) ?? [];
  const packing = packingOf(attributes);
  return {
    dataset: displayName(path),
    shape,
    type,
    axes: shape.map((length, axis) => axisOf(store, array, { axis, length, group, byPath })),
    quantity: displayName(text("long_name") || text("standard_name") || quantity || ""),
    unit: displayName(text("units") || unit || ""),
    notes: packing ? [`Values are stored packed: stored x ${packing.scale} + ${packing.offset}`] : [],
    source: (part) => {
      const chunks = zarrChunks(store, array, part);
      if (!packing) return chunks;
      return { ...chunks, read: (offset, count) => unpacked(chunks.read(offset, count), packing) };
    },
  };
}

interface AxisPlace {
  axis: number;
  length: number;
  group: string;
  byPath: ReadonlyMap<string, ZarrArray>;
}

function axisOf(store: ZarrStore, array: ZarrArray, { axis, length, group, byPath }: AxisPlace): DescribedAxis {
  const zspy = readJson(store, join(group, `axis-${axis}/.zattrs`));
  if (Object.keys(zspy).length > 0) return zspyAxis(zspy, length);
  const name = array.dimensions[axis];
  const coordinate = name ? byPath.get(join(group, name)) : undefined;
  if (!coordinate || coordinate.shape.length !== 1 || coordinate.shape[0] !== length || length > LONGEST_AXIS) {
    return { name };
  }
  const units = coordinate.attributes.units;
  const values = zarrChunks(store, coordinate).read([0], [length]);
  return { name, unit: typeof units === "string" ? units : "", values };
}

function zspyAxis({ name, units, navigate, offset, scale, axis }: JsonObject, length: number): DescribedAxis {
  const said = (value: unknown) => typeof value === "string" && !UNSET.test(value) ? value : undefined;
  const uniform = typeof scale === "number" ? uniformValues(Number(offset ?? 0), scale, length) : undefined;
  const role = typeof navigate !== "boolean" ? undefined : navigate ? "position" : "spectral";
  return { name: said(name), unit: said(units), role, values: Array.isArray(axis) ? axis.map(Number) : uniform };
}

interface Packing {
  scale: number;
  offset: number;
  missing: unknown;
}

/** As xarray packs values: stored x scale_factor + add_offset. */
function packingOf({ scale_factor, add_offset, _FillValue }: JsonObject): Packing | undefined {
  if (typeof scale_factor !== "number" && typeof add_offset !== "number") return undefined;
  return { scale: Number(scale_factor ?? 1), offset: Number(add_offset ?? 0), missing: _FillValue };
}

function unpacked(values: FloatArray, { scale, offset, missing }: Packing): FloatArray {
  return Float64Array.from(values, (value) => value === missing ? NaN : value * scale + offset);
}

/** A JSON object of the hierarchy; an empty one where there is none. */
function readJson({ file, entries }: ZarrStore, name: string): JsonObject {
  const entry = entries.get(name);
  if (!entry) return {};
  if (entry.sizeBytes > MAX_JSON_BYTES) throw zarrError(`${name} of ${entry.sizeBytes} bytes`);
  const inner = openZipEntry(file, entry);
  checkZipEntry(inner, entry);
  try {
    return objectOf(JSON.parse(new TextDecoder().decode(inner.read(0, inner.sizeBytes))));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw zarrError(`${name}, which is no JSON`);
  }
}

function join(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}
