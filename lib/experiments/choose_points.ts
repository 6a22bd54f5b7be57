import { createRandom } from "../base/random.ts";
import { type PixelFeatures, squaredDistances } from "./pixel_features.ts";

export interface ChosenPoint {
  pixel: number;
  /** What it was chosen by; comparable within one kind of choice. */
  score: number;
}

export interface Candidates {
  features: PixelFeatures;
  /** Pixels that may be chosen. */
  pixels: Int32Array;
  /** Pixels that were measured or are being measured. */
  known: ArrayLike<number>;
}

/** More pixels than these are not looked at one by one. */
const MOST_CANDIDATES = 4096, MOST_KNOWN = 2000;

/** Pixels of the map that are neither known nor forbidden, at most 4096 of them drawn by the seed. */
export function candidatesOf(features: PixelFeatures, known: ArrayLike<number>, seed: number): Candidates {
  const { rows, cols } = features;
  const taken = new Uint8Array(rows * cols);
  for (let n = 0; n < known.length; n++) taken[known[n]] = 1;
  const all = Int32Array.from({ length: rows * cols }, (_, pixel) => pixel).filter((pixel) => taken[pixel] === 0);
  const pixels = all.length <= MOST_CANDIDATES ? all : createRandom(seed).shuffle(all).slice(0, MOST_CANDIDATES);
  return { features, pixels, known };
}

/** Far from what is known and from each other: in place, or in what the image shows there. */
export function farthestPoints(candidates: Candidates, count: number, by: "position" | "patch"): ChosenPoint[] {
  const { features, pixels } = candidates;
  const known = Array.from(candidates.known).slice(-MOST_KNOWN);
  const distance = (a: number, b: number) => squaredDistances(features, a, b)[by];
  const nearest = Float64Array.from(
    pixels,
    (pixel) => known.reduce((least, other) => Math.min(least, distance(pixel, other)), Infinity),
  );
  if (known.length === 0 && pixels.length > 0) centre(features, pixels, nearest);
  return greedy(pixels, nearest, count, (score, pixel, chosen) => Math.min(score, distance(pixel, chosen)))
    .map(({ pixel, score }) => ({ pixel, score: Math.sqrt(score) }));
}

/** The first of all: the middle of the map. */
function centre({ rows, cols }: PixelFeatures, pixels: Int32Array, nearest: Float64Array): void {
  pixels.forEach((pixel, i) => {
    nearest[i] = 1e6 -
      ((Math.floor(pixel / cols) - rows / 2) ** 2 + (pixel % cols - cols / 2) ** 2) / (rows + cols) ** 2;
  });
}

export interface Apart {
  count: number;
  /** Of two pixels, 0 to 1. */
  correlation(a: number, b: number): number;
  /** Pixels that are chosen already. */
  pending: ArrayLike<number>;
}

/** The largest scores, each lowered where a chosen or pending point is alike: a batch does not crowd. */
export function largestPoints(
  pixels: Int32Array,
  scores: Float64Array,
  { count, correlation, pending }: Apart,
): ChosenPoint[] {
  const lower = (score: number, pixel: number, chosen: number) => score * (1 - correlation(pixel, chosen) ** 2);
  const lowered = scores.map((score, i) => {
    for (let n = 0; n < pending.length; n++) score = lower(score, pixels[i], pending[n]);
    return score;
  });
  return greedy(pixels, lowered, count, lower);
}

export function randomPoints(pixels: Int32Array, count: number, seed: number): ChosenPoint[] {
  const random = createRandom(seed);
  return [...random.shuffle(pixels.slice()).subarray(0, count)].map((pixel) => ({ pixel, score: 0 }));
}

/** Two lists in turn, each pixel once. */
export function alternate(a: readonly ChosenPoint[], b: readonly ChosenPoint[], count: number): ChosenPoint[] {
  const chosen = new Map<number, ChosenPoint>();
  for (let i = 0; chosen.size < count && i < Math.max(a.length, b.length); i++) {
    for (const point of [a[i], b[i]]) {
      if (point && chosen.size < count && !chosen.has(point.pixel)) chosen.set(point.pixel, point);
    }
  }
  return [...chosen.values()];
}

function greedy(
  pixels: Int32Array,
  scores: Float64Array,
  count: number,
  lower: (score: number, pixel: number, chosen: number) => number,
): ChosenPoint[] {
  const points: ChosenPoint[] = [];
  const left = new Uint8Array(pixels.length).fill(1);
  while (points.length < Math.min(count, pixels.length)) {
    let best = -1;
    for (let i = 0; i < pixels.length; i++) if (left[i] && (best < 0 || scores[i] > scores[best])) best = i;
    points.push({ pixel: pixels[best], score: scores[best] });
    left[best] = 0;
    for (let i = 0; i < pixels.length; i++) if (left[i]) scores[i] = lower(scores[i], pixels[i], pixels[best]);
  }
  return points;
}
