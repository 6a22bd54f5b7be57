import { createHash } from "node:crypto";
import { type CubeRecord, cubeRecordSchema } from "../schemas/cube.ts";
import { jobRecordSchema } from "../schemas/job.ts";
import { checkModels } from "./check_models.ts";
import type { CheckOptions, Finding } from "./finding.ts";
import { openCubeFile } from "./cube_file.ts";
import { readCubeJson, writeCubeJson } from "./cube_json.ts";
import type { Store } from "./open_store.ts";

/** Compares records with files in both directions. Reads only; `repair` of a finding changes something. */
export async function* checkDataFolder(store: Store, options: CheckOptions = {}): AsyncGenerator<Finding> {
  for (const message of store.db.problems()) {
    yield { level: "error", code: "database_damaged", subject: store.db.path, message };
  }
  yield* checkCubes(store);
  yield* checkJobs(store);
  yield* checkModels(store, options);
  if (options.deep) yield* checkBytes(store);
  if (!options.live) yield* findLeftOvers(store);
}

function* checkCubes(store: Store): Generator<Finding> {
  for (const cube of everyPage((cursor) => store.cubes.list({ limit: 100, cursor }))) {
    const subject = cube.id;
    const error = (code: string, message: string, repair?: Finding["repair"]): Finding => ({
      level: "error",
      code,
      subject,
      message,
      repair,
    });
    const parsed = cubeRecordSchema.safeParse(cube);
    if (!parsed.success) yield error("cube_record_invalid", parsed.error.issues[0].message);
    const problem = openingProblem(store, cube);
    if (problem) yield error("cube_damaged", problem, () => store.cubes.remove(cube.id).then(() => {}));
    else if (mapsDiffer(store, cube)) {
      yield error("cube_maps_differ", "cube.json lists other maps than the record", () => resetMaps(store, cube));
    }
    const blob = store.blobs.get(cube.sha256);
    if (!blob) yield error("blob_missing", `The uploaded bytes ${cube.sha256} are gone, the cube itself is there`);
    else if (blob.sizeBytes !== cube.sizeBytes) {
      yield error("blob_damaged", `The uploaded bytes are ${blob.sizeBytes}, wanted ${cube.sizeBytes}`);
    }
  }
}

function openingProblem(store: Store, cube: CubeRecord): string | undefined {
  try {
    const reader = openCubeFile(store.cubes.folderOf(cube.id));
    reader.close();
    return String(reader.shape) === String(cube.shape) ? undefined : `The files have shape ${reader.shape}`;
  } catch (error) {
    return (error as Error).message;
  }
}

function mapsDiffer(store: Store, cube: CubeRecord): boolean {
  return JSON.stringify(readCubeJson(store.cubes.folderOf(cube.id)).maps) !== JSON.stringify(cube.maps);
}

function resetMaps(store: Store, cube: CubeRecord): void {
  const folder = store.cubes.folderOf(cube.id);
  writeCubeJson(folder, { ...readCubeJson(folder), maps: cube.maps });
}

function* checkJobs(store: Store): Generator<Finding> {
  for (const job of everyPage((cursor) => store.jobs.list({ limit: 100, cursor }))) {
    const parsed = jobRecordSchema.safeParse(job);
    if (parsed.success) continue;
    const message = `${parsed.error.issues[0].path.join(".")}: ${parsed.error.issues[0].message}`;
    yield { level: "error", code: "job_record_invalid", subject: job.id, message };
  }
}

async function* checkBytes(store: Store): AsyncGenerator<Finding> {
  for (const { sha256, path } of store.blobs.list()) {
    const hash = createHash("sha256");
    using file = await Deno.open(path);
    const buffer = new Uint8Array(1 << 20);
    for (let got = await file.read(buffer); got !== null; got = await file.read(buffer)) {
      hash.update(buffer.subarray(0, got));
    }
    const met = hash.digest("hex");
    if (met === sha256) continue;
    yield { level: "error", code: "blob_damaged", subject: sha256, message: `The bytes have SHA-256 ${met}` };
  }
}

function* findLeftOvers(store: Store): Generator<Finding> {
  const { folder } = store;
  const leftOver = (path: string, what: string): Finding => ({
    level: "note",
    code: "left_over",
    subject: path.slice(folder.root.length + 1),
    message: what,
    repair: () => folder.discard(path),
  });
  for (const { name } of Deno.readDirSync(`${folder.root}/cubes`)) {
    if (!store.cubes.get(name)) yield leftOver(folder.cubePath(name), "A folder without a cube's record");
  }
  for (const { name } of Deno.readDirSync(`${folder.root}/jobs`)) {
    const state = store.jobs.get(name, { bare: true })?.state;
    if (state !== "queued" && state !== "running") {
      yield leftOver(folder.jobPath(name), "A checkpoint without an unfinished job");
    }
  }
  for (const { sha256, path } of store.blobs.list()) {
    if (!store.cubes.anyWithBytes(sha256)) yield leftOver(path, "Uploaded bytes that no cube needs");
  }
  for (const { name } of Deno.readDirSync(`${folder.root}/tmp`)) {
    yield leftOver(`${folder.root}/tmp/${name}`, "A half-written thing");
  }
}

function* everyPage<T>(list: (cursor?: string) => { items: T[]; nextCursor?: string }): Generator<T> {
  for (let page = list();; page = list(page.nextCursor)) {
    yield* page.items;
    if (page.nextCursor === undefined) return;
  }
}
