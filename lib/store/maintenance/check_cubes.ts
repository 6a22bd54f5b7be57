import { type CubeRecord, cubeRecordSchema, ingestedCubeSchema } from "../../schemas/cube.ts";
import type { CubeFile } from "../../schemas/cube_file.ts";
import { openCubeFile } from "../cube_files/cube_file.ts";
import { readCubeJson, writeCubeJson } from "../cube_files/cube_json.ts";
import { entriesIn, exists, sha256OfFile } from "../durable.ts";
import { type CheckOptions, errorAbout, type Finding, problemOf } from "./finding.ts";
import type { EmbeddedStore } from "../embedded/open_embedded_store.ts";

interface CubeRow {
  seq: number;
  id: string;
  sha256: string;
  stored_bytes: number;
  record: string;
  changing: number;
}

/** Every cube's record, files and uploaded bytes. */
export function* checkCubes(store: EmbeddedStore, { deep, live }: CheckOptions): Generator<Finding> {
  const next = "SELECT * FROM cubes WHERE seq > ? ORDER BY seq LIMIT 1";
  for (let row = store.db.get<CubeRow>(next, 0); row; row = store.db.get<CubeRow>(next, row.seq)) {
    for (const finding of checkCube(store, row, deep ?? false)) {
      // A running service may have deleted or changed it between two looks.
      const now = live ? store.db.get<CubeRow>("SELECT * FROM cubes WHERE id = ?", row.id) : row;
      const isAdding = live && now?.changing === 1 && finding.code === "cube_maps_differ";
      if (now?.record === row.record && !isAdding) yield finding;
    }
  }
}

function* checkCube(store: EmbeddedStore, row: CubeRow, deep: boolean): Generator<Finding> {
  const error = errorAbout(row.id);
  const takeOut = () => takeCubeOut(store, row);
  const cube = readRecord(row);
  if (typeof cube === "string") return yield error("cube_record_invalid", cube, takeOut);
  const folder = store.cubes.folderOf(row.id);
  const files = readFiles(folder, cube, deep);
  if (typeof files === "string") return yield error("cube_damaged", files, takeOut);
  if (described(files) !== described(cube)) {
    const repair = () => writeCubeJson(folder, { ...readCubeJson(folder), ...ingestedCubeSchema.parse(cube) });
    const code = JSON.stringify(files.maps) === JSON.stringify(cube.maps) ? "cube_json_differs" : "cube_maps_differ";
    yield error(code, "cube.json says something else than the record", repair);
  }
  const [rows, cols, points] = cube.shape;
  const bytes = cube.sizeBytes + 4 * rows * cols * points;
  if (bytes !== row.stored_bytes) {
    const repair = () => void store.db.run("UPDATE cubes SET stored_bytes = ? WHERE id = ?", bytes, row.id);
    yield error("cube_size_wrong", `The record counts ${row.stored_bytes} bytes; expected ${bytes}`, repair);
  }
  yield* checkUpload(store, cube);
}

function* checkUpload({ blobs, folder }: EmbeddedStore, cube: CubeRecord): Generator<Finding> {
  const blob = blobs.find(cube.sha256);
  if (!blob) {
    const message =
      `The uploaded bytes ${cube.sha256} are gone, the cube itself is whole. Upload the file again to keep them`;
    yield { level: "note", code: "blob_missing", subject: cube.id, message };
  } else if (blob.sizeBytes !== cube.sizeBytes) {
    const message = `The uploaded bytes are ${blob.sizeBytes}; expected ${cube.sizeBytes}`;
    yield errorAbout(cube.id)("blob_damaged", message, () => folder.setAside(blob.path));
  }
}

/** The record, or what is wrong with it. */
function readRecord(row: CubeRow): CubeRecord | string {
  try {
    const parsed = cubeRecordSchema.safeParse(JSON.parse(row.record));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return `The record is not valid at ${issue.path.join(".")}: ${issue.message}`;
    }
    const { id, sha256 } = parsed.data;
    const same = id === row.id && sha256 === row.sha256;
    return same ? parsed.data : `The record says ${id} with SHA-256 ${sha256}; expected ${row.id} with ${row.sha256}`;
  } catch {
    return "The record is not JSON";
  }
}

/** What the files say, or what is wrong with them. */
function readFiles(folder: string, cube: CubeRecord, deep: boolean): CubeFile | string {
  const link = ["", "/values.f32", "/mask.u8", "/cube.json", ...mapFiles(folder)].find((name) => isOdd(folder + name));
  if (link !== undefined) return `Found something else than a file or a folder at ${folder}${link}`;
  try {
    const reader = openCubeFile(folder);
    reader.close();
    if (String(reader.shape) !== String(cube.shape)) return `The files have shape ${reader.shape}`;
    return digestProblem(folder, reader.meta, deep) ?? reader.meta;
  } catch (error) {
    return problemOf(error);
  }
}

function mapFiles(folder: string): string[] {
  return ["/maps", ...entriesIn(`${folder}/maps`).map(({ name }) => `/maps/${name}`)];
}

/** A link, a pipe or a device: not what was written, and not to be opened. */
function isOdd(path: string): boolean {
  try {
    const { isFile, isDirectory } = Deno.lstatSync(path);
    return !isFile && !isDirectory;
  } catch (error) {
    problemOf(error);
    return false;
  }
}

/** Files written since digests are kept must be there; `deep` compares them with theirs. */
function digestProblem(folder: string, { digests = {}, maps }: CubeFile, deep: boolean): string | undefined {
  for (const [name, wanted] of Object.entries(digests)) {
    // Of an image channel that was never acknowledged.
    if (name.startsWith("maps/") && !maps.some((_, i) => name === `maps/${i}.f32`)) continue;
    if (!exists(`${folder}/${name}`)) return `The stored cube's ${name} is not there`;
    const met = deep ? sha256OfFile(`${folder}/${name}`) : wanted;
    if (met !== wanted) return `The stored cube's ${name} has SHA-256 ${met}; expected ${wanted}`;
  }
}

function described(cube: unknown): string {
  return JSON.stringify(ingestedCubeSchema.parse(cube));
}

/** The files and the uploaded bytes, which can make the cube again, are kept in `damaged/`. */
async function takeCubeOut({ folder, cubes, db, results }: EmbeddedStore, { id, sha256 }: CubeRow): Promise<void> {
  folder.setAside(cubes.folderOf(id));
  db.run("DELETE FROM cubes WHERE id = ?", id);
  const needed = db.get("SELECT 1 FROM cubes WHERE sha256 = ? LIMIT 1", sha256);
  if (!needed) folder.setAside(folder.blobPath(sha256));
  await results.removeScope(id);
}
