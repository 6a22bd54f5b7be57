import type { CubeReader } from "../../lib/cube/cube.ts";
import { createMemoryCube } from "../../lib/cube/memory_cube.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { createRandom } from "../../lib/base/random.ts";

/** Simulated films of different kind on which methods are compared; each 50 x 50 x 64 and seeded. */
export const FILMS: Readonly<Record<string, () => CubeReader>> = {
  sharpWalls: () => simulateFilm({ rows: 50, cols: 50, seed: 7, noise: 0.1 }).cube,
  driftingContrast,
  weakRelation,
  shuffled,
  linear,
};

/** Gain and offset of the response grow across the map, as where a tip wears off. */
function driftingContrast(): CubeReader {
  const { cube } = simulateFilm({ rows: 50, cols: 50, seed: 8, noise: 0.1, period: 9 });
  const [, cols] = cube.shape;
  return changed(cube, (value, pixel) => {
    const along = pixel % cols / cols + 0.5 * Math.floor(pixel / cols) / cols;
    return value * (1.4 - 0.6 * along) + 20 * along;
  });
}

/** Noise of the spectra many times the signal that follows from the walls. */
function weakRelation(): CubeReader {
  const { cube } = simulateFilm({ rows: 50, cols: 50, seed: 9, noise: 0.1 });
  const random = createRandom(10);
  const gain = Float64Array.from({ length: 2500 }, () => random.normal());
  return changed(cube, (value, pixel) => value * (1 + 0.8 * gain[pixel]) + 40 * random.normal());
}

/** No relation: the spectra of other pixels, and an image of their own. */
function shuffled(): CubeReader {
  const { cube } = simulateFilm({ rows: 50, cols: 50, seed: 11, noise: 0.1 });
  const random = createRandom(12);
  const order = random.shuffle(Int32Array.from({ length: 2500 }, (_, pixel) => pixel));
  const values = allValues(cube);
  const points = cube.shape[2];
  const image_HW = cube.readMap(0);
  const moved = new Float32Array(values.length);
  order.forEach((from, pixel) => moved.set(values.subarray(from * points, (from + 1) * points), pixel * points));
  return withImage(cube, moved, image_HW);
}

/** Each spectrum is a linear map of its patch of 4 x 4 pixels, with noise. */
function linear(): CubeReader {
  const { cube } = simulateFilm({ rows: 50, cols: 50, seed: 13, noise: 0.1 });
  const [rows, cols, points] = cube.shape;
  const random = createRandom(14);
  const weights = Float64Array.from({ length: 16 * points }, () => random.normal());
  const image_HW = Float32Array.from({ length: rows * cols }, () => random.normal());
  const values = Float32Array.from({ length: rows * cols * points }, (_, at) => {
    const [pixel, s] = [Math.floor(at / points), at % points];
    const [row, col] = [Math.floor(pixel / cols), pixel % cols];
    let sum = 2 * random.normal();
    for (let k = 0; k < 16; k++) {
      const [r, c] = [row + Math.floor(k / 4) - 2, col + k % 4 - 2];
      if (r >= 0 && r < rows && c >= 0 && c < cols) sum += weights[k * points + s] * image_HW[r * cols + c];
    }
    return sum;
  });
  return withImage(cube, values, image_HW);
}

function changed(cube: CubeReader, change: (value: number, pixel: number) => number): CubeReader {
  const points = cube.shape[2];
  return withImage(cube, allValues(cube).map((value, at) => change(value, Math.floor(at / points))), cube.readMap(0));
}

function withImage(cube: CubeReader, values_HWS: Float32Array, values_HW: Float32Array): CubeReader {
  const { shape, axes, quantity, unit } = cube;
  return createMemoryCube({
    shape,
    axes,
    quantity,
    unit,
    values_HWS,
    images: [{ name: "image", quantity: "", unit: "", values_HW }],
  });
}

function allValues(cube: CubeReader): Float32Array {
  const [rows, cols] = cube.shape;
  return cube.readBlock({ row: 0, col: 0, rows, cols });
}
