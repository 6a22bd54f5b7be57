import { conflict, missing } from "../../base/errors.ts";
import { type Listing, type ListingRequest, parseCursor, toListing } from "../paging.ts";
import type { ExperimentStore, MeasuredPoints, StoredExperiment } from "../ports/experiment_store.ts";
import type { Database } from "./database.ts";

interface Row {
  seq: number;
  record: string;
}

/** Experiments in SQLite, a row for each measured point: a transaction makes a batch durable as a whole. */
export class SqliteExperimentStore implements ExperimentStore {
  constructor(private readonly db: Database) {}

  // deno-lint-ignore require-await
  async add(experiment: StoredExperiment, image_HW: Float32Array, owner: string, most: number): Promise<void> {
    this.db.transaction(() => {
      const { count } = this.db.get<{ count: number }>(
        "SELECT COUNT(*) AS count FROM experiments WHERE owner = ?",
        owner,
      )!;
      if (count >= most) {
        throw conflict("quota_exceeded", `You have ${count} experiments; expected at most ${most}: delete some first`);
      }
      const sql = "INSERT INTO experiments (id, owner, record, image) VALUES (?, ?, ?, ?)";
      this.db.run(sql, experiment.id, owner, JSON.stringify(experiment), bytesOf(image_HW));
    });
  }

  // deno-lint-ignore require-await
  async get(id: string): Promise<StoredExperiment | undefined> {
    return this.#get(id);
  }

  // deno-lint-ignore require-await
  async ownerOf(id: string): Promise<string | undefined> {
    return this.db.get<{ owner: string }>("SELECT owner FROM experiments WHERE id = ?", id)?.owner;
  }

  // deno-lint-ignore require-await
  async list({ limit, cursor }: ListingRequest): Promise<Listing<StoredExperiment>> {
    const sql = "SELECT seq, record FROM experiments WHERE seq < ? ORDER BY seq DESC LIMIT ?";
    const rows = this.db.all<Row>(sql, parseCursor(cursor), limit + 1);
    return toListing(rows, limit, (row) => JSON.parse(row.record) as StoredExperiment);
  }

  // deno-lint-ignore require-await
  async image(id: string): Promise<Float32Array> {
    const row = this.db.get<{ image: Uint8Array }>("SELECT image FROM experiments WHERE id = ?", id);
    if (!row) throw noExperiment(id);
    return floatsOf(row.image);
  }

  // deno-lint-ignore require-await
  async points(id: string): Promise<MeasuredPoints> {
    const sql = "SELECT pixel, spectrum FROM experiment_points WHERE experiment = ? ORDER BY seq";
    const rows = this.db.all<{ pixel: number; spectrum: Uint8Array }>(sql, id);
    const points = rows.length > 0 ? rows[0].spectrum.length / 4 : 0;
    const values_NS = new Float32Array(rows.length * points);
    rows.forEach(({ spectrum }, n) => values_NS.set(floatsOf(spectrum), n * points));
    return { pixels: Int32Array.from(rows, ({ pixel }) => pixel), values_NS };
  }

  // deno-lint-ignore require-await
  async pixels(id: string): Promise<Int32Array> {
    const sql = "SELECT pixel FROM experiment_points WHERE experiment = ? ORDER BY seq";
    return Int32Array.from(this.db.all<{ pixel: number }>(sql, id), ({ pixel }) => pixel);
  }

  // deno-lint-ignore require-await
  async measure(
    id: string,
    { pixels, values_NS }: MeasuredPoints,
    change: (before: StoredExperiment) => StoredExperiment,
  ): Promise<StoredExperiment> {
    return this.db.transaction(() => {
      const before = this.#require(id);
      if (before.state !== "open") throw conflict("experiment_finished", `Experiment ${id} is finished`);
      const points = values_NS.length / pixels.length;
      const there = "SELECT 1 FROM experiment_points WHERE experiment = ? AND pixel = ?";
      const insert = "INSERT INTO experiment_points (experiment, seq, pixel, spectrum) VALUES (?, ?, ?, ?)";
      for (let n = 0; n < pixels.length; n++) {
        if (this.db.get(there, id, pixels[n])) throw alreadyMeasured(before, pixels[n]);
        const spectrum = values_NS.slice(n * points, (n + 1) * points);
        this.db.run(insert, id, before.measured + n, pixels[n], bytesOf(spectrum));
      }
      return this.#put(id, change(before));
    });
  }

  // deno-lint-ignore require-await
  async update(id: string, change: (before: StoredExperiment) => StoredExperiment): Promise<StoredExperiment> {
    return this.db.transaction(() => this.#put(id, change(this.#require(id))));
  }

  // deno-lint-ignore require-await
  async remove(id: string): Promise<boolean> {
    return this.db.transaction(() => {
      this.db.run("DELETE FROM experiment_points WHERE experiment = ?", id);
      return this.db.run("DELETE FROM experiments WHERE id = ?", id) === 1;
    });
  }

  #get(id: string): StoredExperiment | undefined {
    const row = this.db.get<Row>("SELECT seq, record FROM experiments WHERE id = ?", id);
    return row && JSON.parse(row.record) as StoredExperiment;
  }

  #require(id: string): StoredExperiment {
    const found = this.#get(id);
    if (!found) throw noExperiment(id);
    return found;
  }

  #put(id: string, record: StoredExperiment): StoredExperiment {
    this.db.run("UPDATE experiments SET record = ? WHERE id = ?", JSON.stringify(record), id);
    return record;
  }
}

function noExperiment(id: string) {
  return missing("experiment_missing", `There is no experiment ${id}`);
}

function alreadyMeasured({ shape: [, cols] }: StoredExperiment, pixel: number) {
  const place = `row ${Math.floor(pixel / cols)}, column ${pixel % cols}`;
  return conflict("already_measured", `The pixel at ${place} is measured already; expected new ones only`);
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}
