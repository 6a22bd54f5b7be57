import type { CubeReader } from "./cube.ts";
import { type FilmTruth, simulateFilm } from "./simulate_film.ts";

/** The simulated film that ships as a demo and that the zoo's `simulated-film-*` models are trained on: 60 x 60 x 64. */
export function demoCube(): { cube: CubeReader; truth: FilmTruth } {
  return simulateFilm({ rows: 60, cols: 60, points: 64, seed: 2021 });
}
