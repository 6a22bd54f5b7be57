import { createHash } from "node:crypto";
import { LoopscopeError } from "../../base/errors.ts";
import type { ImageChannel } from "../../cube/cube.ts";
import type { MapInfo } from "../../schemas/cube.ts";
import { type CubeFile, cubeFileSchema } from "../../schemas/cube_file.ts";
import { onDisk } from "../disk_error.ts";
import { entriesIn, removeIfThere, syncFolder, writeFileDurably } from "../durable.ts";

/** Image channels count for no quota, and every listing names them all. */
export const MAX_MAPS = 256;

/** Writes `maps/N.f32` and adds the channel to the list in `meta` (which the caller saves). */
export function writeImage(
  folder: string,
  meta: Pick<CubeFile, "shape" | "maps" | "digests">,
  channel: ImageChannel,
): void {
  requireNewImage(meta, channel);
  const { name, quantity, unit, values_HW } = channel;
  onDisk(() => Deno.mkdirSync(`${folder}/maps`, { recursive: true }));
  const bytes = new Uint8Array(values_HW.buffer, values_HW.byteOffset, values_HW.byteLength);
  writeFileDurably(imagePath(folder, meta.maps.length), bytes);
  if (meta.digests) meta.digests[`maps/${meta.maps.length}.f32`] = createHash("sha256").update(bytes).digest("hex");
  meta.maps.push({ name, quantity, unit });
}

/** Throws `map_exists` (conflict) when the name is taken, `grid_mismatch` (unprocessable) when its grid is another. */
export function requireNewImage(
  meta: Pick<CubeFile, "shape" | "maps">,
  { name, values_HW }: Pick<ImageChannel, "name" | "values_HW">,
): void {
  const [rows, cols] = meta.shape;
  if (meta.maps.some((map) => map.name === name)) {
    throw new LoopscopeError("conflict", "map_exists", `The cube has a map named "${name}" already`);
  }
  if (values_HW.length !== rows * cols) {
    const wanted = `${rows} x ${cols} = ${rows * cols}`;
    const message = `Map "${name}" has ${values_HW.length} pixels, the cube's grid has ${wanted}`;
    throw new LoopscopeError("unprocessable", "grid_mismatch", message);
  }
}

export function writeCubeJson(folder: string, meta: CubeFile): void {
  writeFileDurably(`${folder}/cube.json`, JSON.stringify(cubeFileSchema.parse(meta)));
}

/** As `writeCubeJson`, with `commit` between the writing, which may find the disk full, and the renaming. */
export function replaceCubeJson(folder: string, meta: CubeFile, commit: () => void): void {
  const next = `${folder}/cube.json.next`;
  try {
    writeFileDurably(next, JSON.stringify(cubeFileSchema.parse(meta)));
    commit();
  } catch (error) {
    removeIfThere(next);
    throw error;
  }
  Deno.renameSync(next, `${folder}/cube.json`);
  syncFolder(folder);
}

/** Makes a cube's files what its record says of image channels, whatever was being written. */
export function settleImages(folder: string, maps: MapInfo[]): void {
  const met = readCubeJson(folder);
  const whole = new Set(maps.map((_, i) => imagePath(folder, i)));
  const isWhole = (name: string) => !name.startsWith("maps/") || whole.has(`${folder}/${name}`);
  if (JSON.stringify(met.maps) !== JSON.stringify(maps)) {
    const digests = met.digests && Object.fromEntries(Object.entries(met.digests).filter(([name]) => isWhole(name)));
    replaceCubeJson(folder, { ...met, maps, digests }, () => {});
  }
  for (const end of ["part", "next", "next.part"]) removeIfThere(`${folder}/cube.json.${end}`);
  for (const { name } of entriesIn(`${folder}/maps`)) {
    if (!isWhole(`maps/${name}`)) removeIfThere(`${folder}/maps/${name}`);
  }
}

/** Throws `cube_damaged` (internal) when `cube.json` is not what was written. */
export function readCubeJson(folder: string): CubeFile {
  const met = (problem: string, cause?: unknown) =>
    new LoopscopeError("internal", "cube_damaged", `The stored cube's cube.json ${problem}`, { cause });
  let text: string;
  try {
    text = Deno.readTextFileSync(`${folder}/cube.json`);
  } catch (cause) {
    throw met("cannot be read", cause);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw met("is not JSON", cause);
  }
  const parsed = cubeFileSchema.safeParse(json);
  if (!parsed.success) throw met(`is not valid: ${parsed.error.issues[0]?.message}`, parsed.error);
  const { shape, axes } = parsed.data;
  const lengths = [axes.row, axes.col, axes.spectral].map((axis) => axis.values.length);
  if (lengths.some((length, i) => length !== shape[i])) throw met(`has axes of ${lengths} values for shape ${shape}`);
  return parsed.data;
}

/** Where the image channel of this index lies: names come from files and are never paths. */
export function imagePath(folder: string, index: number): string {
  return `${folder}/maps/${index}.f32`;
}
