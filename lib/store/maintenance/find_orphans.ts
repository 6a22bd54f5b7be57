import { uploadSchema } from "../../schemas/upload.ts";
import { entriesIn, exists } from "../durable.ts";
import { errorAbout, type Finding } from "./finding.ts";
import type { EmbeddedStore } from "../embedded/open_embedded_store.ts";

/** All that lies in a data folder's root. */
const KNOWN = new Set([
  ...["blobs", "cubes", "models", "jobs", "results", "uploads", "tmp", "damaged", "demo-added", "hmac.key"],
  ...["loopscope.db", "loopscope.db-wal", "loopscope.db-shm", "loopscope.lock", "loopscope.spare", "lost+found"],
]);
const CUBE_FILES = new Set(["cube.json", "values.f32", "mask.u8", "maps"]);

/** What lies in the data folder and no record knows. */
export function* findOrphans(store: EmbeddedStore): Generator<Finding> {
  const { folder } = store;
  for (const { name } of entriesIn(folder.root)) {
    if (KNOWN.has(name)) continue;
    yield { level: "note", code: "stranger", subject: name, message: "Not of this program, and left alone" };
  }
  yield* inCubes(store);
  for (const { name, isDirectory } of entriesIn(`${folder.root}/jobs`)) {
    const sql = "SELECT 1 FROM jobs WHERE id = ? AND state IN ('queued', 'running')";
    if (isDirectory && store.db.get(sql, name)) continue;
    yield leftOver(store, `jobs/${name}`, "A checkpoint without an unfinished job");
  }
  yield* inBlobs(store);
  yield* inUploads(store);
  for (const { name, isDirectory } of entriesIn(folder.resultsPath)) {
    if (isDirectory && store.db.get("SELECT 1 FROM cubes WHERE id = ?", name)) continue;
    yield leftOver(store, `results/${name}`, "Results of no cube");
  }
  for (const { name } of entriesIn(`${folder.root}/tmp`)) yield leftOver(store, `tmp/${name}`, "A half-written thing");
}

function leftOver({ folder }: EmbeddedStore, subject: string, message: string): Finding {
  const repair = () => folder.discard(`${folder.root}/${subject}`);
  return { level: "note", code: "left_over", subject, message, repair };
}

/** Not of this program, among its own: kept in `damaged/`. */
function stranger({ folder }: EmbeddedStore, subject: string): Finding {
  const repair = () => folder.setAside(`${folder.root}/${subject}`);
  return { level: "note", code: "stranger", subject, message: "Not of this program", repair };
}

function* inCubes(store: EmbeddedStore): Generator<Finding> {
  for (const { name: id } of entriesIn(`${store.folder.root}/cubes`)) {
    if (!store.db.get("SELECT 1 FROM cubes WHERE id = ?", id)) {
      yield leftOver(store, `cubes/${id}`, "A folder without a cube's record");
      continue;
    }
    for (const { name } of entriesIn(store.cubes.folderOf(id))) {
      if (!CUBE_FILES.has(name)) yield stranger(store, `cubes/${id}/${name}`);
    }
  }
}

function* inBlobs(store: EmbeddedStore): Generator<Finding> {
  for (const outer of entriesIn(`${store.folder.root}/blobs`)) {
    if (!outer.isDirectory) yield stranger(store, `blobs/${outer.name}`);
    for (const { name, isFile } of entriesIn(`${store.folder.root}/blobs/${outer.name}`)) {
      const subject = `blobs/${outer.name}/${name}`;
      if (!isFile || !/^[0-9a-f]{64}$/.test(name) || name.slice(0, 2) !== outer.name) yield stranger(store, subject);
      else if (!store.db.get("SELECT 1 FROM cubes WHERE sha256 = ? LIMIT 1", name)) {
        yield leftOver(store, subject, "Uploaded bytes that no cube needs");
      }
    }
  }
}

function* inUploads(store: EmbeddedStore): Generator<Finding> {
  const { root } = store.folder;
  for (const { name } of entriesIn(`${root}/uploads`)) {
    const [, id, kind] = /^(upload_[0-9a-z]{26})\.(json|part)$/.exec(name) ?? [];
    if (!id) yield stranger(store, `uploads/${name}`);
    else if (kind === "part" && !exists(`${root}/uploads/${id}.json`)) {
      yield leftOver(store, `uploads/${name}`, "Bytes of no upload");
    } else if (kind === "json") {
      const problem = uploadProblem(`${root}/uploads/${id}`);
      const repair = () => ["json", "part"].forEach((end) => store.folder.setAside(`${root}/uploads/${id}.${end}`));
      if (problem) yield errorAbout(id)("upload_damaged", problem, repair);
    }
  }
}

function uploadProblem(path: string): string | undefined {
  try {
    const upload = uploadSchema.omit({ offset: true }).parse(JSON.parse(Deno.readTextFileSync(`${path}.json`)));
    if (upload.cube) return undefined;
    if (!exists(`${path}.part`)) return "The bytes that have come are gone";
    const { size } = Deno.lstatSync(`${path}.part`);
    return size <= upload.sizeBytes ? undefined : `${size} bytes have come; expected ${upload.sizeBytes}`;
  } catch {
    return "What was noted of the upload cannot be read";
  }
}
