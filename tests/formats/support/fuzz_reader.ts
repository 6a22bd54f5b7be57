import { createRandom, type Random } from "../../../lib/base/random.ts";
import { mutate } from "../../fuzz/mutate.ts";
import { assert, assertEquals } from "../../support/assert.ts";
import { type ReadCube, readCube } from "./with_file.ts";

export interface FuzzOptions {
  rounds?: number;
  seed?: number;
  /** Makes a damaged file's own checksum right again, so that the damage is met behind it. */
  seal?(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  /** Further checks of what was read all the same. */
  check?(cube: ReadCube): void;
}

/** Reads damaged copies of files: each is refused with a code, or read with as many values as its shape says. */
export async function fuzzReader(
  files: readonly Uint8Array[],
  { rounds = 1000, seed = 1, seal = (bytes) => bytes, check }: FuzzOptions = {},
): Promise<{ read: number; refused: Record<string, number> }> {
  const random: Random = createRandom(seed);
  const outcome = { read: 0, refused: {} as Record<string, number> };
  for (let round = 0; round < rounds; round++) {
    const { bytes } = mutate(files[round % files.length], random);
    const damaged = seal(new Uint8Array(bytes));
    try {
      const cube = await readCube(damaged);
      assertEquals(cube.values.length, cube.shape[0] * cube.shape[1] * cube.shape[2]);
      assert.ok(
        [cube.axes.row, cube.axes.col, cube.axes.spectral].every(({ values }) => values.every(Number.isFinite)),
      );
      check?.(cube);
      outcome.read++;
    } catch (error) {
      const code = String((error as { code?: unknown }).code);
      if (!/^[a-z0-9_]+$/.test(code)) throw error;
      outcome.refused[code] = (outcome.refused[code] ?? 0) + 1;
    }
  }
  return outcome;
}
