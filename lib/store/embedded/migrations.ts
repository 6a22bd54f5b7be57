/**
 * The schema, forward only: step N brings version N to N + 1 and is never changed once released. Times are milliseconds
 * since 1970, `seq` is the order of creation, documents are JSON.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE cubes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    options_key TEXT NOT NULL,
    owner TEXT NOT NULL,
    stored_bytes INTEGER NOT NULL,
    expires_ms INTEGER,
    record TEXT NOT NULL,
    UNIQUE (sha256, options_key)
  ) STRICT;
  CREATE INDEX cubes_by_owner ON cubes (owner);

  CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    caller TEXT NOT NULL,
    priority INTEGER NOT NULL,
    cube TEXT NOT NULL,
    model TEXT,
    dedupe_key TEXT,
    request TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    started_ms INTEGER,
    finished_ms INTEGER,
    progress TEXT,
    result TEXT,
    error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    webhook TEXT,
    notified_ms INTEGER
  ) STRICT;
  CREATE INDEX jobs_by_state ON jobs (state, priority, seq);
  CREATE INDEX jobs_by_caller ON jobs (caller, state);
  CREATE INDEX jobs_by_start ON jobs (caller, started_ms);
  CREATE INDEX jobs_by_cube ON jobs (cube, state);
  CREATE INDEX jobs_to_notify ON jobs (seq) WHERE webhook IS NOT NULL AND notified_ms IS NULL;
  CREATE INDEX jobs_by_finish ON jobs (finished_ms);
  CREATE INDEX jobs_by_dedupe ON jobs (dedupe_key, finished_ms);
  CREATE UNIQUE INDEX jobs_once ON jobs (dedupe_key) WHERE state IN ('queued', 'running');

  CREATE TABLE job_events (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    event TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (job, sequence)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE model_versions (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    made_by TEXT UNIQUE,
    PRIMARY KEY (name, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE aliases (
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (name, alias)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE alias_revisions (name TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    finished_ms INTEGER NOT NULL,
    PRIMARY KEY (caller, key)
  ) STRICT;
  CREATE INDEX idempotency_by_age ON idempotency (finished_ms);

  CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    hmac BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER
  ) STRICT;
  `,
  // 1 while a cube's image channels are being changed: the files may be ahead of the record.
  "ALTER TABLE cubes ADD COLUMN changing INTEGER NOT NULL DEFAULT 0",
  // Choosing the next job reads the waiting ones of a kind without touching their rows.
  "CREATE INDEX jobs_waiting ON jobs (kind, priority, caller, seq) WHERE state = 'queued'",
  // SHA-256 of each small file of a version, as JSON; null where the version is not there (any more).
  "ALTER TABLE model_versions ADD COLUMN digests TEXT",
  // Experiments: the record as JSON, the image and each measured spectrum as float32.
  `
  CREATE TABLE experiments (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    record TEXT NOT NULL,
    image BLOB NOT NULL
  ) STRICT;
  CREATE TABLE experiment_points (
    experiment TEXT NOT NULL,
    seq INTEGER NOT NULL,
    pixel INTEGER NOT NULL,
    spectrum BLOB NOT NULL,
    PRIMARY KEY (experiment, pixel)
  ) STRICT;
  CREATE INDEX experiment_points_in_order ON experiment_points (experiment, seq);
  `,
];
