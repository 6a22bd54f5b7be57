import { createRandom, type Random } from "../base/random.ts";
import type { CubeReader } from "./cube.ts";
import { coerciveBiases, type FilmPixel, filmResponse, triangularSweep } from "./film_loops.ts";
import { createWalls, type WallPosition } from "./film_walls.ts";
import { createMemoryCube } from "./memory_cube.ts";

export interface FilmOptions {
  rows: number;
  cols: number;
  points: number;
  seed: number;
  /** Standard deviation of the noise over the saturation response. */
  noise: number;
  /** Pixels whose fit failed: their values are hundreds of times too large, a few are NaN. */
  failedPixels: number;
  /** Discs of 2 pixels radius with switching that the image does not tell of: reversed imprint, half the coercivity. */
  anomalies: number;
  /** Mean spacing of the a stripes in pixels. */
  period: number;
  /** Largest bias of the sweep. */
  limit_V: number;
}

/** What the simulation knows and a model has to find; all rows x cols. */
export interface FilmTruth {
  /** 0 = c, 1 = a. */
  domain_HW: Uint8Array;
  /** Pixels to the nearest wall: positive in c, negative in a. */
  wallDistance_HW: Float32Array;
  /** Side of the a stripe on which that wall lies: -1 left, 1 right. */
  wallSide_HW: Int8Array;
  imprint_V_HW: Float32Array;
  /** Biases at which the noiseless rising and falling branches pass zero. */
  coerciveRising_V_HW: Float32Array;
  coerciveFalling_V_HW: Float32Array;
  anomaly_HW: Uint8Array;
  failed_HW: Uint8Array;
}

export const FILM_DEFAULTS: FilmOptions = {
  rows: 60,
  cols: 60,
  points: 64,
  seed: 1,
  noise: 0.05,
  failedPixels: 0,
  anomalies: 0,
  period: 12,
  limit_V: 8,
};

const SATURATION_PM = 50;
/** How far a wall is felt, in pixels. */
const WALL_REACH = 2.5;

/**
 * A ferroelectric film with a and c domains: open square loops in c, constricted nooses in a; near a wall, imprint towards
 * its side, lower coercivity and response. The channel `topography` is the surface that tilts with the domains. The cube
 * is NOT repaired: failed pixels are in it as a fit would leave them.
 */
export function simulateFilm(options: Partial<FilmOptions> = {}): { cube: CubeReader; truth: FilmTruth } {
  const film = { ...FILM_DEFAULTS, ...options };
  const { rows, cols, points } = film;
  const { biases_V, rising } = triangularSweep(points, film.limit_V);
  const wallAt = createWalls(rows, cols, film.period, film.seed);
  const truth = emptyTruth(rows * cols);
  plantAnomalies(truth.anomaly_HW, film);
  const noise = createRandom(film.seed ^ 0x6e6f6973);
  const values_HWS = new Float32Array(rows * cols * points);
  const height_HW = new Float32Array(rows * cols);
  for (let i = 0; i < rows * cols; i++) {
    const wall = wallAt(Math.floor(i / cols), i % cols);
    const pixel = switching(wall, truth.anomaly_HW[i] === 1);
    recordTruth(truth, i, wall, pixel);
    for (let s = 0; s < points; s++) {
      values_HWS[i * points + s] = filmResponse(pixel, biases_V[s], rising[s]) +
        film.noise * SATURATION_PM * noise.normal();
    }
    height_HW[i] = surfaceHeight(wall) + 0.02e-9 * noise.normal();
  }
  plantFailures(values_HWS, truth.failed_HW, film);
  const cube = createMemoryCube({
    shape: [rows, cols, points],
    axes: {
      row: { name: "Y", unit: "m", values: Array.from({ length: rows }, (_, i) => i * 2e-8) },
      col: { name: "X", unit: "m", values: Array.from({ length: cols }, (_, i) => i * 2e-8) },
      spectral: { name: "DC bias", unit: "V", values: biases_V },
    },
    quantity: "Piezoresponse",
    unit: "pm",
    values_HWS,
    images: [{ name: "topography", quantity: "Height", unit: "m", values_HW: height_HW }],
  });
  return { cube, truth };
}

/** The hidden dependence: what a pixel does follows from its wall's distance and side alone, anomalies excepted. */
function switching(wall: WallPosition, anomalous: boolean): FilmPixel {
  const near = Math.exp(-Math.abs(wall.distance) / WALL_REACH);
  const inC = wall.distance > 0;
  return {
    domain: inC ? "c" : "a",
    imprint_V: wall.side * 1.2 * near * (anomalous ? -1 : 1),
    coercive_V: (inC ? 3.2 - 1.0 * near : 4 - 0.8 * near) * (anomalous ? 0.5 : 1),
    saturation: SATURATION_PM * (inC ? 1 - 0.3 * near : 0.7 + 0.2 * near),
  };
}

function surfaceHeight(wall: WallPosition): number {
  // An a stripe's surface tilts from its left wall to its right one.
  return wall.distance > 0 ? 0 : wall.side * 1e-9 / (1 - wall.distance);
}

function emptyTruth(pixels: number): FilmTruth {
  return {
    domain_HW: new Uint8Array(pixels),
    wallDistance_HW: new Float32Array(pixels),
    wallSide_HW: new Int8Array(pixels),
    imprint_V_HW: new Float32Array(pixels),
    coerciveRising_V_HW: new Float32Array(pixels),
    coerciveFalling_V_HW: new Float32Array(pixels),
    anomaly_HW: new Uint8Array(pixels),
    failed_HW: new Uint8Array(pixels),
  };
}

function recordTruth(truth: FilmTruth, i: number, wall: WallPosition, pixel: FilmPixel): void {
  const { rising_V, falling_V } = coerciveBiases(pixel);
  truth.domain_HW[i] = pixel.domain === "a" ? 1 : 0;
  truth.wallDistance_HW[i] = wall.distance;
  truth.wallSide_HW[i] = wall.side;
  truth.imprint_V_HW[i] = pixel.imprint_V;
  truth.coerciveRising_V_HW[i] = rising_V;
  truth.coerciveFalling_V_HW[i] = falling_V;
}

function plantAnomalies(anomaly_HW: Uint8Array, { rows, cols, anomalies, seed }: FilmOptions): void {
  const random = createRandom(seed ^ 0x616e6f6d);
  for (let n = 0; n < anomalies; n++) {
    const [row, col] = [random.integer(rows), random.integer(cols)];
    for (let r = Math.max(0, row - 2); r <= Math.min(rows - 1, row + 2); r++) {
      for (let c = Math.max(0, col - 2); c <= Math.min(cols - 1, col + 2); c++) {
        if ((r - row) ** 2 + (c - col) ** 2 <= 4) anomaly_HW[r * cols + c] = 1;
      }
    }
  }
}

function plantFailures(values_HWS: Float32Array, failed_HW: Uint8Array, film: FilmOptions): void {
  const random = createRandom(film.seed ^ 0x6661696c);
  const pixels = Math.min(film.failedPixels, failed_HW.length);
  for (let n = 0; n < pixels;) {
    const pixel = random.integer(failed_HW.length);
    if (failed_HW[pixel]) continue;
    failed_HW[pixel] = 1;
    const spectrum_S = values_HWS.subarray(pixel * film.points, (pixel + 1) * film.points);
    if (n++ % 5 === 4) spectrum_S.fill(NaN);
    else failSpectrum(spectrum_S, random);
  }
}

function failSpectrum(spectrum_S: Float32Array, random: Random): void {
  for (let s = 0; s < spectrum_S.length; s++) {
    const sign = random.uniform() < 0.5 ? -1 : 1;
    spectrum_S[s] = sign * SATURATION_PM * (100 + 900 * random.uniform());
  }
}
