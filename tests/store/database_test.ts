import { Database } from "../../lib/store/embedded/database.ts";
import { MIGRATIONS } from "../../lib/store/embedded/migrations.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

const FIRST = "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT";
const SECOND = "ALTER TABLE things ADD COLUMN size INTEGER NOT NULL DEFAULT 7";

async function withPath(run: (path: string) => Promise<void> | void): Promise<void> {
  const folder = await Deno.makeTempDir();
  await run(`${folder}/x.db`);
  await Deno.remove(folder, { recursive: true });
}

Deno.test("migrations bring an older file forward and keep what is in it", () =>
  withPath((path) => {
    const old = new Database(path, [FIRST]);
    old.run("INSERT INTO things (name) VALUES (?)", "kept");
    old.close();
    for (const _ of [1, 2]) {
      const db = new Database(path, [FIRST, SECOND]);
      assertEquals({ ...db.get<object>("SELECT name, size FROM things") }, { name: "kept", size: 7 });
      db.close();
    }
  }));

for (let version = 1; version <= MIGRATIONS.length; version++) {
  Deno.test(`records of schema version ${version} come forward whole`, () =>
    withPath((path) => {
      const old = new Database(path, MIGRATIONS.slice(0, version));
      old.run(`INSERT INTO cubes (id, sha256, options_key, owner, stored_bytes, record)
        VALUES ('cube_1', 'ab', '{}', 'key:a', 5, '{}')`);
      old.run("INSERT INTO model_versions (name, version, made_by) VALUES ('film', 1, 'job_1')");
      old.run("INSERT INTO aliases (name, alias, version) VALUES ('film', 'stable', 1)");
      old.run(`INSERT INTO jobs (id, kind, state, caller, priority, cube, request, created_ms)
        VALUES ('job_1', 'train', 'queued', 'key:a', 5, 'cube_1', '{}', 1)`);
      old.run("INSERT INTO job_events (job, sequence, event, data) VALUES ('job_1', 1, 'state', '{}')");
      old.close();
      const db = new Database(path);
      assertEquals([db.problems(), db.missing(), db.orphanedRows()], [[], [], 0]);
      assertEquals({ ...db.get<object>("SELECT stored_bytes, changing FROM cubes") }, { stored_bytes: 5, changing: 0 });
      assertEquals({ ...db.get<object>("SELECT version, digests FROM model_versions") }, { version: 1, digests: null });
      const counts = ["aliases", "jobs", "job_events"].map((table) => db.all(`SELECT * FROM ${table}`).length);
      assertEquals(counts, [1, 1, 1]);
      db.close();
    }));
}

Deno.test("a file that is no database is refused in words", () =>
  withPath(async (path) => {
    Deno.writeTextFileSync(path, "these are not the records ".repeat(100));
    const error = await assertFailsWith("database_damaged", () => new Database(path));
    assert.match(error.message, /x\.db are damaged \(file is not a database\): restore a backup/);
  }));

Deno.test("a migration that fails leaves the file as it was", () =>
  withPath((path) => {
    new Database(path, [FIRST]).close();
    assert.throws(() => new Database(path, [FIRST, SECOND, "CREATE TABLE broken ("]), /incomplete input/);
    const db = new Database(path, [FIRST]);
    assertEquals(db.all("SELECT * FROM things"), []);
    assert.throws(() => db.get("SELECT size FROM things"), /no such column/);
    db.close();
  }));

Deno.test("a file of a later version is refused with both versions", () =>
  withPath(async (path) => {
    new Database(path, [FIRST, SECOND]).close();
    const error = await assertFailsWith("schema_too_new", () => new Database(path, [FIRST]));
    assert.match(error.message, /schema version 2, this version knows up to 1/);
  }));

Deno.test("a transaction that throws leaves nothing, also when it is inside another", () =>
  withPath((path) => {
    const db = new Database(path, [FIRST]);
    const insert = (name: string) => db.run("INSERT INTO things (name) VALUES (?)", name);
    assert.throws(() =>
      db.transaction(() => {
        insert("outer");
        db.transaction(() => {
          insert("inner");
          throw new Error("stop");
        });
      }), /stop/);
    assertEquals(db.all("SELECT * FROM things"), []);
    db.transaction(() => insert("kept"));
    assertEquals(db.all("SELECT * FROM things").length, 1);
    db.close();
  }));

Deno.test("two connections write to one file in turns", () =>
  withPath((path) => {
    const [a, b] = [new Database(path, [FIRST]), new Database(path, [FIRST])];
    for (let i = 0; i < 50; i++) (i % 2 ? a : b).run("INSERT INTO things (name) VALUES (?)", String(i));
    assertEquals(a.all("SELECT * FROM things").length, 50);
    a.close();
    b.close();
  }));
