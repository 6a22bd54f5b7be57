import type { BatchHistory, ExperimentTarget, Strategy } from "../../schemas/experiment.ts";
import type { Axis } from "../../schemas/cube.ts";
import type { GivenPixel } from "../../schemas/given.ts";
import type { Listing, ListingRequest } from "../paging.ts";

/** An experiment without its image and its spectra. */
export interface StoredExperiment {
  id: string;
  name: string;
  state: "open" | "finished";
  /** rows, cols of the map. */
  shape: [number, number];
  /** Spectral steps; null until the first spectrum says. */
  points: number | null;
  /** Of a rehearsal. */
  cube?: string;
  axis?: Axis;
  quantity: string;
  unit: string;
  pixel?: GivenPixel;
  strategy: Strategy;
  target?: ExperimentTarget;
  /** Polygons of [row, col] whose pixels are never proposed, and how many pixels these are. */
  forbidden?: [number, number][][];
  forbiddenPixels?: number;
  order?: "score" | "path";
  window: number;
  latent: number;
  batch: number;
  seed: number;
  createdAt: string;
  measured: number;
  /** Handed out last. */
  next: NextPoint[];
  /** Of the way through `next`, with the order `path`, in pixels. */
  pathLength?: number;
  /** The pixel measured last: where the tip is. */
  last?: number;
  /** Proposed beyond those that were handed out, best first; none is measured. */
  ahead: { pixel: number; score: number }[];
  /** Pixels that were handed out lately and are not measured, oldest first. */
  given: number[];
  /** What the proposals follow from. */
  model?: { trainedOn: number; readyAt: string };
  /** The last answers to calls with an idempotency key. */
  answers: { key: string; measured: number; next: NextPoint[]; pathLength?: number }[];
  history: BatchHistory[];
  result?: { cube: string; job?: string };
}

export interface NextPoint {
  row: number;
  col: number;
  score?: number;
}

/** Measured pixels in the order in which they came, and their spectra. */
export interface MeasuredPoints {
  pixels: Int32Array;
  /** N x points */
  values_NS: Float32Array;
}

/** Experiments with their image and measured points. */
export interface ExperimentStore {
  /** Throws `quota_exceeded` (conflict) where the owner has `most` already. */
  add(experiment: StoredExperiment, image_HW: Float32Array, owner: string, most: number): Promise<void>;
  get(id: string): Promise<StoredExperiment | undefined>;
  ownerOf(id: string): Promise<string | undefined>;
  list(page: ListingRequest): Promise<Listing<StoredExperiment>>;
  image(id: string): Promise<Float32Array>;
  points(id: string): Promise<MeasuredPoints>;
  /** The measured pixels alone, in the same order. */
  pixels(id: string): Promise<Int32Array>;
  /**
   * Adds all points or none, durable when it resolves, and puts `change` of the record in place in the same transaction.
   * Throws `experiment_missing`, `experiment_finished` (conflict) and `already_measured` (conflict), naming the pixel.
   */
  measure(
    id: string,
    added: MeasuredPoints,
    change: (before: StoredExperiment) => StoredExperiment,
  ): Promise<StoredExperiment>;
  /** Changes the record in one transaction. Throws `experiment_missing`. */
  update(id: string, change: (before: StoredExperiment) => StoredExperiment): Promise<StoredExperiment>;
  /** False where there was none. */
  remove(id: string): Promise<boolean>;
}
