import { conflict, LoopscopeError, unprocessable } from "../base/errors.ts";
import { Counter } from "../base/counter.ts";
import type { JobRequest, TrainRequest } from "../schemas/job.ts";
import type { Settings } from "../schemas/settings.ts";
import type { Usage } from "../store/ports/cube_store.ts";
import type { ActiveJobs } from "../store/ports/job_store.ts";
import type { UnfinishedUploads } from "../store/ports/upload_store.ts";
import type { Caller } from "./services.ts";

/** What one caller may have at a time. */
export interface Quota {
  cubes: number;
  bytes: number;
  /** Queued or running, training or results. */
  jobs: number;
  training: number;
}

/** Prefix of the names under which visitors save models, so that they never change another caller's `latest`. */
export const VISITOR_MODELS = "visitor-";
const VISITOR_PRIORITY = 5;
const UPLOADS_AT_ONCE = 32;
const UPLOADS_AT_ONCE_EACH = 4;
/** Uploads in pieces; all together may leave eight times as many. */
const UNFINISHED_EACH = 32;
const HOUR_MS = 3600 * 1000;
/** Batch x filters^2 x places of one training step: 64 patches of 16 x 16, or spectra of 512 points, with 64 filters. */
const VISITOR_STEP = 64 * 64 ** 2 * 512;

/**
 * What callers may have: everything where no keys are configured, a share for each key, and a small share that expires for
 * visitors of a public demo.
 */
export class Quotas {
  readonly #uploading = new Counter();
  #uploads = 0;

  /** `open`: no keys are configured, so that every caller has all rights. */
  constructor(
    private readonly settings: Settings,
    private readonly open: boolean,
  ) {}

  /** Under whom things are kept: visitors' are told from those that the same address made while the service was open. */
  ownerOf({ id }: Pick<Caller, "id">): string {
    return this.#isVisitor(id) ? id.replace(/^address:/, "visitor:") : id;
  }

  /** When what the caller makes may be removed; undefined for never. */
  expiresMs({ id }: Pick<Caller, "id">, nowMs: number): number | undefined {
    return this.#isVisitor(id) ? nowMs + this.settings.LOOPSCOPE_VISITOR_HOURS * HOUR_MS : undefined;
  }

  /** How long a training of this owner may take. */
  trainingTimeoutMs(owner: string): number | undefined {
    return owner.startsWith("visitor:") ? this.settings.LOOPSCOPE_VISITOR_TRAINING_MINUTES * 60_000 : undefined;
  }

  /**
   * For the store to call with the caller's usage: throws `quota_exceeded` (409) where one more cube of so many bytes is
   * too much, beside the bytes of unfinished uploads.
   */
  admitCube(caller: Caller, bytes: number, unfinishedBytes = 0): (usage: Usage) => void {
    const quota = this.#quotaOf(caller.id);
    if (!quota) return () => {};
    const more = "delete some first" + (caller.id.startsWith("key:") ? "" : ", or wait until they expire");
    return (usage) => {
      if (usage.cubes + 1 > quota.cubes) {
        throw conflict("quota_exceeded", `You have ${usage.cubes} cubes; expected at most ${quota.cubes}: ${more}`);
      }
      if (usage.bytes + unfinishedBytes + bytes > quota.bytes) {
        const unfinished = unfinishedBytes > 0 ? ` and ${unfinishedBytes} of unfinished uploads` : "";
        const detail =
          `You have ${usage.bytes} bytes${unfinished}, this cube needs ${bytes}; expected at most ${quota.bytes}: ${more}`;
        throw conflict("quota_exceeded", detail);
      }
    };
  }

  /**
   * As `admitCube`, for an upload in pieces: the bytes of unfinished ones count like stored ones, and their number is a
   * share of what all callers may leave unfinished. Throws `too_many_uploads` (429).
   */
  admitUpload(caller: Caller, bytes: number, usage: Usage): (unfinished: UnfinishedUploads) => void {
    return ({ mine }) => {
      this.admitCube(caller, bytes, mine.bytes)(usage);
      if (!this.#quotaOf(caller.id) || mine.count < UNFINISHED_EACH) return;
      const detail = `You have ${mine.count} unfinished uploads; expected at most ${UNFINISHED_EACH}: ` +
        "finish or remove some";
      throw new LoopscopeError("tooMany", "too_many_uploads", detail, { retryAfterS: 60 });
    };
  }

  /** For the store to call with the caller's active jobs: throws `quota_exceeded` (429) where one more is too much. */
  admitJob(caller: Caller, kind: JobRequest["kind"]): ((active: ActiveJobs) => void) | undefined {
    const quota = this.#quotaOf(caller.id);
    if (!quota) return undefined;
    return ({ jobs, training }) => {
      refuseBeyond("jobs", jobs, quota.jobs);
      if (kind === "train") refuseBeyond("training jobs", training, quota.training);
    };
  }

  /**
   * Visitors choose neither their models' place nor their turn, and no network whose every step would hold up others.
   * Throws `name_reserved` (forbidden), `training_too_large`.
   */
  checkTraining(caller: Caller, request: TrainRequest, points: number): TrainRequest {
    if (!this.#isVisitor(caller.id)) return request;
    checkStep(request, points);
    if (!request.saveAs.startsWith(VISITOR_MODELS)) {
      const detail = `saveAs is ${request.saveAs}, without a key wanted a name that begins with ${VISITOR_MODELS}`;
      throw new LoopscopeError("forbidden", "name_reserved", detail);
    }
    return { ...request, priority: Math.min(request.priority, VISITOR_PRIORITY) };
  }

  /** Runs one upload. Throws `busy` (503) beyond the limit for all callers, `too_many_uploads` (429) beyond the caller's. */
  async uploading<T>(caller: Caller, run: () => Promise<T>): Promise<T> {
    const mine = this.#uploading.of(caller.id);
    if (this.#quotaOf(caller.id) && mine >= UPLOADS_AT_ONCE_EACH) {
      const detail = `You have ${mine} uploads under way; expected at most ${UPLOADS_AT_ONCE_EACH}`;
      throw new LoopscopeError("tooMany", "too_many_uploads", detail, { retryAfterS: 2 });
    }
    if (this.#uploads >= UPLOADS_AT_ONCE) {
      const detail = `${this.#uploads} uploads are under way; expected at most ${UPLOADS_AT_ONCE}`;
      throw new LoopscopeError("unavailable", "busy", detail, { retryAfterS: 2 });
    }
    this.#uploads++;
    this.#uploading.add(caller.id, 1);
    try {
      return await run();
    } finally {
      this.#uploads--;
      this.#uploading.add(caller.id, -1);
    }
  }

  #isVisitor(id: string): boolean {
    return !this.open && id.startsWith("address:");
  }

  #quotaOf(id: string): Quota | undefined {
    const { settings } = this;
    if (this.#isVisitor(id)) {
      return {
        cubes: settings.LOOPSCOPE_VISITOR_CUBES,
        bytes: settings.LOOPSCOPE_VISITOR_BYTES,
        jobs: settings.LOOPSCOPE_VISITOR_JOBS,
        training: settings.LOOPSCOPE_VISITOR_TRAINING,
      };
    }
    if (!id.startsWith("key:")) return undefined;
    return {
      cubes: settings.LOOPSCOPE_KEY_CUBES,
      bytes: settings.LOOPSCOPE_KEY_BYTES,
      jobs: settings.LOOPSCOPE_KEY_JOBS,
      training: settings.LOOPSCOPE_KEY_TRAINING,
    };
  }
}

function refuseBeyond(what: string, active: number, limit: number): void {
  if (active < limit) return;
  const detail = `You have ${active} unfinished ${what}; expected at most ${limit}: wait until one has ended`;
  throw new LoopscopeError("tooMany", "quota_exceeded", detail, { retryAfterS: 10 });
}

/** Predictions wait for the step that runs: one of a quarter of a second is what others can bear. */
function checkStep({ window, filters, batchSize }: TrainRequest, points: number): void {
  const step = batchSize * filters ** 2 * Math.max(window ** 2, points);
  if (step <= VISITOR_STEP) return;
  const detail =
    `batchSize x filters^2 x the larger of window^2 and ${points} points is ${step}, without a key wanted ` +
    `at most ${VISITOR_STEP}`;
  throw unprocessable("training_too_large", detail);
}
