import type { Random } from "../../lib/base/random.ts";

/** What a service has acknowledged, and what it may or may not have done when it was killed. */
export class Ledger {
  /** Records of cubes by id, as they were answered. */
  readonly cubes = new Map<string, string>();
  readonly gone = new Set<string>();
  /** Deletes that were not answered. */
  readonly unsure = new Set<string>();
  /** `cancelling`: the response to the cancellation has not come, and may be lost. */
  readonly jobs = new Map<string, "submitted" | "cancelling" | "succeeded" | "cancelled">();
  /** Versions by the job that made them. */
  readonly models = new Map<string, number>();
  alias: number | undefined;
  /** Values that it may have got, unanswered. */
  readonly aliasAttempts = new Set<number>();
  #prediction?: string;
  readonly counts = { uploads: 0, deletes: 0, jobs: 0, models: 0, aliases: 0, predictions: 0 };

  uploaded(cube: { id: string }): void {
    this.cubes.set(cube.id, JSON.stringify(cube));
    this.counts.uploads++;
  }

  deleted(id: string): void {
    this.unsure.delete(id);
    this.gone.add(id);
    this.counts.deletes++;
  }

  submitted(id: string): void {
    this.jobs.set(id, "submitted");
    this.counts.jobs++;
  }

  trained(job: string, version: number): void {
    this.jobs.set(job, "succeeded");
    this.models.set(job, version);
    this.counts.models++;
  }

  aliased(version: number): void {
    this.alias = version;
    this.aliasAttempts.clear();
    this.counts.aliases++;
  }

  /** The same patch has the same prediction, before and after any crash. */
  predicted(values: readonly number[]): void {
    const text = JSON.stringify(values);
    this.#prediction ??= text;
    if (text !== this.#prediction) throw new Error(`A prediction has changed: ${text}, was ${this.#prediction}`);
    this.counts.predictions++;
  }

  /** What was unsure is now as it is. */
  async settle(find: (id: string) => Promise<unknown>): Promise<void> {
    for (const id of this.unsure) {
      const record = await find(id);
      if (record) this.cubes.set(id, JSON.stringify(record));
      else this.gone.add(id);
    }
    this.unsure.clear();
  }

  someCube(random: Random): string | undefined {
    return some([...this.cubes.keys()], random);
  }

  someVersion(random: Random): number | undefined {
    return some([...this.models.values()], random);
  }

  summary(): string {
    return Object.entries(this.counts).map(([what, count]) => `${count} ${what}`).join(", ");
  }
}

function some<T>(items: readonly T[], random: Random): T | undefined {
  return items[Math.floor(random.uniform() * items.length)];
}
