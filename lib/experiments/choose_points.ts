import { createRandom } from "../base/random.ts";
import { type PixelFeatures, squaredDistance, squaredPatchDistance } from "./pixel_features.ts";

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
const MOST_CANDIDATES = 4096;

/** Pixels of the map that are neither known nor forbidden, ascending. */
export function freePixels(
  { rows, cols }: PixelFeatures,
  known: ArrayLike<number>,
  forbidden_HW?: Uint8Array,
): Int32Array {
  const taken_HW = forbidden_HW?.slice() ?? new Uint8Array(rows * cols);
  for (let n = 0; n < known.length; n++) taken_HW[known[n]] = 1;
  return Int32Array.from({ length: rows * cols }, (_, pixel) => pixel).filter((pixel) => taken_HW[pixel] === 0);
}

/** At most 4096 of the pixels, drawn by the seed. */
export function drawnPixels(pixels: Int32Array, seed: number): Int32Array {
  if (pixels.length <= MOST_CANDIDATES) return pixels;
  return createRandom(seed).shuffle(pixels.slice()).slice(0, MOST_CANDIDATES);
}

/** What points are chosen by: the largest score first, and how the scores of the others fall with each chosen point. */
export interface Criterion {
  /** One for each pixel that may be chosen. */
  scores: Float64Array;
  lower(score: number, pixel: number, chosen: number): number;
}

/** Far from what is known and from each other: in place, or in what the image shows there. Scores are squared distances. */
export function farApart({ features, pixels, known }: Candidates, by: "position" | "patch"): Criterion {
  const distance = by === "position" ? squaredDistance : squaredPatchDistance;
  const scores = Float64Array.from(pixels, (pixel) => {
    let least = Infinity;
    for (let n = 0; n < known.length; n++) least = Math.min(least, distance(features, pixel, known[n]));
    return least;
  });
  return { scores, lower: (score, pixel, chosen) => Math.min(score, distance(features, pixel, chosen)) };
}

export interface Apart {
  /** Of two pixels, 0 to 1. */
  correlation(a: number, b: number): number;
  /** Pixels that are chosen already. */
  pending: ArrayLike<number>;
}

/** Large scores, each lowered where a chosen or pending point is alike: a batch does not crowd. */
export function largeAndApart(pixels: Int32Array, scores: Float64Array, { correlation, pending }: Apart): Criterion {
  const lower = (score: number, pixel: number, chosen: number) => score * (1 - correlation(pixel, chosen) ** 2);
  const lowered = scores.map((score, i) => {
    for (let n = 0; n < pending.length; n++) score = lower(score, pixels[i], pending[n]);
    return score;
  });
  return { scores: lowered, lower };
}

export function randomPoints(pixels: Int32Array, count: number, seed: number): ChosenPoint[] {
  const random = createRandom(seed);
  return [...random.shuffle(pixels.slice()).subarray(0, count)].map((pixel) => ({ pixel, score: 0 }));
}

/** The best points, one by each criterion in turn; every chosen point counts for all criteria. Among equals the first wins. */
export function bestPoints(pixels: Int32Array, criteria: readonly Criterion[], count: number): ChosenPoint[] {
  const points: ChosenPoint[] = [];
  const left = new Uint8Array(pixels.length).fill(1);
  while (points.length < Math.min(count, pixels.length)) {
    const { scores } = criteria[points.length % criteria.length];
    let best = -1;
    for (let i = 0; i < pixels.length; i++) if (left[i] && (best < 0 || scores[i] > scores[best])) best = i;
    points.push({ pixel: pixels[best], score: scores[best] });
    left[best] = 0;
    for (const { scores, lower } of criteria) {
      for (let i = 0; i < pixels.length; i++) if (left[i]) scores[i] = lower(scores[i], pixels[i], pixels[best]);
    }
  }
  return points;
}
