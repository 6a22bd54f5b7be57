import type { ByteSource } from "../base/byte_source.ts";
import type { CubeFormat } from "./export_cube.ts";
import type { NdArray, ResultTree } from "../base/nd_array.ts";
import type { CubeRecord, IngestOptions } from "../schemas/cube.ts";
import type { BatchHistory, ExperimentRequest, ExperimentView, MeasurementsRequest } from "../schemas/experiment.ts";
import type { JobRecord, TrainRequest } from "../schemas/job.ts";
import type { ModelManifest, NetworkOptions, Scaler } from "../schemas/model.ts";
import type { Axis } from "../schemas/cube.ts";
import type { Upload } from "../schemas/upload.ts";
import type { AppendOptions } from "../store/ports/upload_store.ts";

/** What HTTP may ask for. Every method throws LoopscopeError; routes know nothing below this file. */
export interface Services {
  cubes: CubeService;
  jobs: JobService;
  models: ModelService;
  predictions: PredictionService;
  results: ResultService;
  system: SystemService;
  uploads: UploadService;
  experiments: ExperimentService;
}

export interface Page<T> {
  items: T[];
  /** Absent on the last page. */
  nextCursor?: string;
}

export interface PageRequest {
  limit: number;
  cursor?: string;
}

/** Who is asking: fairness, quotas and logs. */
export interface Caller {
  /** `key:ID`, or `address:IP` without a key. */
  id: string;
  requestId: string;
  /** Fires when the client has gone or the request timed out. */
  signal: AbortSignal;
  /** Of a POST that may be sent again. */
  idempotencyKey?: string;
}

/** Measure, learn, choose the next points. Methods with an id throw `experiment_missing`. */
export interface ExperimentService {
  open(request: ExperimentRequest, caller: Caller): Promise<ExperimentView>;
  get(id: string): Promise<ExperimentView>;
  owns(id: string, caller: Caller): Promise<boolean>;
  list(page: PageRequest): Promise<Page<ExperimentView>>;
  /** Durable when it resolves; all points or none. */
  measure(
    id: string,
    request: MeasurementsRequest,
    caller: Caller,
  ): Promise<Pick<ExperimentView, "measured" | "next" | "pathLength" | "model">>;
  next(id: string, count?: number): Promise<ExperimentView["next"]>;
  /** `{image}` that was there before anything was measured. */
  image(id: string): Promise<ResultTree>;
  /** `{points, values, axis}` in the order of measurement: row and column of N points, and their N spectra. */
  measurements(id: string): Promise<ResultTree>;
  /** `{mean, spread, measured, axis}`, the mean of one step where `index` is given. Throws `no_model_yet` (conflict). */
  prediction(id: string, options: { index?: number }, caller: Caller): Promise<ResultTree>;
  history(id: string): Promise<{ batches: BatchHistory[] }>;
  /** Events `batch`, `model`, `state`, then `done`. */
  events(id: string, after: number, signal: AbortSignal): AsyncGenerator<StreamEvent[]>;
  /** When the model has learned from so many points, or after the time. */
  waitFor(id: string, measured: number, timeoutMs: number, signal: AbortSignal): Promise<ExperimentView>;
  finish(id: string, options: { saveAs?: string }, caller: Caller): Promise<ExperimentView>;
  remove(id: string): Promise<void>;
}

export interface CubeService {
  /** Streams the body to disk, parses it apart, stores it. `created` is false where the same bytes and options are there. */
  add(
    body: ReadableStream<Uint8Array>,
    options: Partial<IngestOptions> & { name?: string; expectedSha256?: string },
    caller: Caller,
  ): Promise<{ cube: CubeRecord; created: boolean }>;
  /** The uploaded bytes of a cube read again with other options. Throws `cube_missing`, `file_not_kept`. */
  addFrom(
    id: string,
    options: Partial<IngestOptions> & { name?: string },
    caller: Caller,
  ): Promise<{ cube: CubeRecord; created: boolean }>;
  list(page: PageRequest): Promise<Page<CubeRecord>>;
  get(id: string): Promise<CubeRecord>;
  /** Whether the caller uploaded it. */
  owns(id: string, caller: Caller): Promise<boolean>;
  rename(id: string, name: string): Promise<CubeRecord>;
  /** The bytes as uploaded. Throws `file_not_kept` (missing) where only the cube is there. */
  file(id: string): Promise<ByteSource>;
  /** The cube as it is used, as a file; `heldBytes` is what reading it keeps in memory. */
  values(id: string, format: CubeFormat): Promise<{ source: ByteSource; heldBytes: number }>;
  /** Conflict while a queued or running job uses it; with `ifExpiredMs` kept unless it expires by that time. */
  remove(id: string, options?: { ifExpiredMs?: number }): Promise<void>;
  /** `{index, at, axis:{name,unit}, values}` with values rows x cols; `map` names a separate channel instead. */
  map(id: string, query: { at?: number; index?: number; branch?: "first" | "last"; map?: string }): Promise<ResultTree>;
  /** `{row, col, axis, values, count}`: the mean over pixels within `radius`; given up when the signal fires. */
  spectrum(
    id: string,
    query: { row: number; col: number; radius: number },
    signal?: AbortSignal,
  ): Promise<ResultTree>;
  /** Adds a separate image channel from an uploaded file; the grid must be the cube's. */
  addMap(
    id: string,
    body: ReadableStream<Uint8Array>,
    options: { name?: string; dataset?: string },
    caller: Caller,
  ): Promise<CubeRecord>;
}

/** Uploads in pieces (tus 1.0); a whole one becomes a cube. */
export interface UploadService {
  create(sizeBytes: number, metadata: Record<string, string>, caller: Caller): Promise<Upload>;
  get(id: string): Promise<Upload>;
  /** Adds a piece; when it was the last, `cube` is there. A file that is no cube ends the upload with its error. */
  append(
    id: string,
    offset: number,
    piece: ReadableStream<Uint8Array>,
    options: AppendOptions,
    caller: Caller,
  ): Promise<
    Upload
  >;
  remove(id: string): Promise<void>;
}

/** One server-sent event. */
export interface StreamEvent {
  /** Grows within a stream; SSE `id`. */
  sequence: number;
  event: string;
  /** SSE `data`. */
  json: string;
}

export interface JobEvent extends StreamEvent {
  event: "state" | "epoch" | "done";
}

export interface JobService {
  submit(request: TrainRequest, caller: Caller): Promise<JobRecord>;
  /** With the history of its epochs unless `bare`. */
  get(id: string, options?: { bare?: boolean }): Promise<JobRecord>;
  /** Whether the caller submitted it. */
  owns(id: string, caller: Caller): Promise<boolean>;
  list(page: PageRequest & { state?: string }): Promise<Page<JobRecord>>;
  /** Idempotent; a finished job is a conflict. */
  cancel(id: string): Promise<JobRecord>;
  /** Events after `afterSequence`, some at a time, then live until `done` or the signal. */
  events(id: string, afterSequence: number, signal: AbortSignal): AsyncGenerator<JobEvent[]>;
  /** Resolves when the job has ended or the time is over. */
  waitFor(id: string, timeoutMs: number, signal: AbortSignal): Promise<JobRecord>;
}

export interface ModelSummary {
  name: string;
  versions: number[];
  latest: number;
  aliases: Record<string, number>;
  direction: "im2spec" | "spec2im";
  readOnly: boolean;
}

/** A manifest with what is not part of the immutable artifact. */
export type ModelView = ModelManifest & { aliases: string[]; readOnly: boolean; card: string };

export interface ModelService {
  list(page: PageRequest): Promise<Page<ModelSummary>>;
  get(name: string): Promise<ModelSummary>;
  /** `version` is a number, `latest` or an alias. */
  version(name: string, version: string): Promise<ModelView>;
  weights(name: string, version: string): Promise<Uint8Array>;
  card(name: string, version: string): Promise<string>;
  /** All of a version as one ZIP archive: model, card, check and ONNX. */
  archive(name: string, version: string): Promise<ByteSource>;
  /** Takes such an archive, under its own name or another. Throws what is wrong with it. */
  importArchive(
    archive: Uint8Array,
    options: { name?: string; maxBytes: number },
    caller: Caller,
  ): Promise<{ name: string; version: number }>;
  /** An ONNX file with the scaler inside, in pieces. */
  onnx(name: string, version: string): Promise<Uint8Array<ArrayBuffer>[]>;
  /** The ETag of versions and aliases; a change of an alias demands it when `ifMatch` is given (else 412). */
  aliasTag(name: string): Promise<string>;
  /** With `ifAbsent` an alias that exists is not moved (412). */
  setAlias(
    name: string,
    alias: string,
    version: number,
    options: { ifMatch?: string; ifAbsent?: boolean },
  ): Promise<ModelSummary>;
  removeAlias(name: string, alias: string, ifMatch: string | undefined): Promise<ModelSummary>;
  import(
    options: { name: string; network: NetworkOptions; axis?: Axis; scaler?: Scaler },
    weights: Uint8Array,
    caller?: Caller,
  ): Promise<{ name: string; version: number }>;
  /** Conflict where an alias points to it or a job uses it; forbidden for the shipped zoo. */
  removeVersion(name: string, version: string): Promise<void>;
}

export interface PredictionService {
  /** Throws `busy` where this caller's next prediction would: to be asked before its body is read. */
  requireCapacity(callerId: string): void;
  /**
   * Patches, spectra or latents in physical units. `inputs.shape` decides: im2spec takes HxW or NxHxW, spec2im S or
   * NxS; `image` (rows x cols) is every pixel of a whole image.
   */
  predict(
    name: string,
    version: string,
    request: { inputs: NdArray } | { image: NdArray },
    caller: Caller,
  ): Promise<ResultTree>;
  encode(name: string, version: string, inputs: NdArray, caller: Caller): Promise<ResultTree>;
  decode(name: string, version: string, latents: NdArray, caller: Caller): Promise<ResultTree>;
}

/** A derived, immutable result: there, or on its way as a job. */
export type Outcome =
  | { kind: "ready"; value: ResultTree; etag: string }
  | { kind: "pending"; job: JobRecord };

export type CubeResultName = "pca" | "nmf" | "loops" | "patchGmm" | "dbscan" | "sho";
export type ModelResultName =
  | "predictions"
  | "errors"
  | "consensus"
  | "latents"
  | "gmm"
  | "manifold"
  | "suggest"
  | "jacobian"
  | "dbscan"
  | "pca"
  | "nmf"
  | "loops";

export interface ResultService {
  /** Waits up to `waitMs` before it answers with a job. */
  ofCube(
    result: CubeResultName,
    cube: string,
    parameters: Record<string, unknown>,
    waitMs: number,
    caller: Caller,
  ): Promise<
    Outcome
  >;
  ofModel(
    result: ModelResultName,
    model: { name: string; version: string },
    cube: string,
    parameters: Record<string, unknown>,
    waitMs: number,
    caller: Caller,
  ): Promise<Outcome>;
}

export interface SystemService {
  /** Body of `GET /v1/system`. */
  describe(): ResultTree;
  ready(): { ready: boolean; reason?: string };
  /** Whether all of it works as well: what a load balancer asks. Requests that need no compute process are still taken. */
  healthy(): { ready: boolean; reason?: string };
}
