import { jobRecordSchema } from "../../schemas/job.ts";
import { checkCubes } from "./check_cubes.ts";
import { checkModels } from "./check_models.ts";
import { type CheckOptions, errorAbout, type Finding } from "./finding.ts";
import { sha256IfThere } from "../durable.ts";
import { findOrphans } from "./find_orphans.ts";
import type { EmbeddedStore } from "../embedded/open_embedded_store.ts";

/**
 * Compares records with files in both directions. Reads only; `repair` of a finding changes something: it mends, or moves
 * what cannot be mended to `damaged/`, and touches nothing that is whole.
 */
export async function* checkDataFolder(store: EmbeddedStore, options: CheckOptions = {}): AsyncGenerator<Finding> {
  const readable = yield* checkDatabase(store);
  if (!readable) return;
  yield* checkKeys(store);
  yield* checkCubes(store, options);
  yield* checkJobs(store);
  yield* checkModels(store, options);
  if (options.deep) yield* checkBytes(store);
  if (options.deep && !options.live) yield* checkCheckpoints(store);
  if (!options.live) yield* findOrphans(store);
}

/** False when nothing else can be asked of the records. */
function* checkDatabase({ db }: EmbeddedStore): Generator<Finding, boolean> {
  const error = errorAbout(db.path);
  const problems = db.problems();
  for (const problem of problems) {
    yield error("database_damaged", `${problem}: restore a backup`);
  }
  if (problems.length > 0) return false;
  const lost = db.missing();
  for (const { name, sql } of lost) {
    yield errorAbout(name)(
      "schema_incomplete",
      "This table or index is missing in the records",
      () => void db.run(sql),
    );
  }
  if (db.missing().length > 0) return false;
  if (db.orphanedRows() > 0) {
    const message = `${db.orphanedRows()} rows refer to nothing`;
    yield error(
      "orphaned_rows",
      message,
      () => void db.run("DELETE FROM job_events WHERE job NOT IN (SELECT id FROM jobs)"),
    );
  }
  return true;
}

function* checkKeys({ keys, db, folder }: EmbeddedStore): Generator<Finding> {
  const sql = "SELECT id FROM api_keys WHERE length(hmac) != 32 OR NOT json_valid(scopes)";
  for (const { id } of db.all<{ id: string }>(sql)) {
    const repair = () => void db.run("DELETE FROM api_keys WHERE id = ?", id);
    yield errorAbout(id)("key_invalid", "The key's record is damaged: it is of no use", repair);
  }
  if (!keys.lost) return;
  const message = "hmac.key is missing or damaged: no key works. A repair revokes all keys, then make new ones";
  yield errorAbout("hmac.key")("hmac_key_lost", message, () => {
    folder.setAside(`${folder.root}/hmac.key`);
    keys.revokeAllAndReset();
  });
}

async function* checkJobs(store: EmbeddedStore): AsyncGenerator<Finding> {
  const { db } = store;
  for (const { id } of db.all<{ id: string }>("SELECT id FROM jobs ORDER BY seq")) {
    const problem = await jobProblem(store, id);
    const repair = () => void db.run("DELETE FROM jobs WHERE id = ?", id);
    if (problem) yield errorAbout(id)("job_record_invalid", problem, repair);
  }
  const broken = "FROM job_events WHERE NOT json_valid(data)";
  for (const { job } of db.all<{ job: string }>(`SELECT DISTINCT job ${broken}`)) {
    const repair = () => void db.run(`DELETE ${broken.replace("WHERE", "WHERE job = ? AND")}`, job);
    yield errorAbout(job)("job_event_invalid", "An event of the job cannot be read", repair);
  }
}

async function jobProblem(store: EmbeddedStore, id: string): Promise<string | undefined> {
  try {
    const job = await store.jobs.get(id, { bare: true });
    const parsed = job && jobRecordSchema.safeParse(job);
    if (!parsed || parsed.success) return undefined;
    return `${parsed.error.issues[0].path.join(".")}: ${parsed.error.issues[0].message}`;
  } catch (error) {
    return (error as Error).message;
  }
}

async function* checkCheckpoints({ checkpoints }: EmbeddedStore): AsyncGenerator<Finding> {
  for (const job of await checkpoints.damaged()) {
    const message = "The checkpoint is damaged: the job will start again";
    yield errorAbout(job)("checkpoint_damaged", message, () => checkpoints.remove(job));
  }
}

function* checkBytes(store: EmbeddedStore): Generator<Finding> {
  for (const { sha256, path } of store.blobs.list()) {
    const met = sha256IfThere(path);
    if (met === undefined || met === sha256) continue;
    yield errorAbout(sha256)("blob_damaged", `The bytes have SHA-256 ${met}`, () => store.folder.setAside(path));
  }
}
