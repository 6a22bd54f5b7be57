import { LoopscopeError } from "../../base/errors.ts";
import type { CubeReader, IngestedCube } from "../../cube/cube.ts";
import { prepareCube } from "../../cube/prepare.ts";
import type { Preparation } from "../../schemas/preparation.ts";
import { createCubeFile, openCubeFile } from "../../store/cube_files/cube_file.ts";
import type { CubeFileWriter } from "../../store/cube_files/cube_file_writer.ts";

/** The mask of a prepared cube passes through memory. */
const MOST_VALUES = 2 ** 27;
const SLAB_VALUES = 2 ** 22;

/**
 * Rewrites a stored cube with its preparation steps applied; they are recorded in its provenance.
 * Throws what the steps throw where they do not fit the cube, and `cube_too_large` above 134 million values.
 */
export function writePreparedCube(from: string, to: string, steps: readonly Preparation[]): IngestedCube {
  const stored = openCubeFile(from);
  try {
    const prepared = prepareCube(stored, steps);
    const [rows, cols, points] = prepared.shape;
    if (rows * cols * points > MOST_VALUES) {
      const message = `The prepared cube has ${rows * cols * points} values; expected at most ${MOST_VALUES}`;
      throw new LoopscopeError("tooLarge", "cube_too_large", message);
    }
    const writer = createCubeFile(to, [rows, cols, points]);
    try {
      copyValues(prepared, writer);
      if (stored.meta.health.repaired > 0) copyMask(prepared, writer);
      for (const name of prepared.imageNames) {
        const image = prepared.readImage(name);
        if (image) writer.addImage(image);
      }
      const { format, dataset, health, choices, notes, warnings, quantity, unit } = stored.meta;
      const read = { format, dataset, health, choices, notes, ...(warnings ? { warnings } : {}), quantity, unit };
      const provenance = steps.map(({ step, parameters }) => ({ step, parameters: { ...parameters } }));
      const cube = {
        ...read,
        shape: [rows, cols, points] as [number, number, number],
        axes: prepared.axes,
        maps: [],
        provenance,
      };
      writer.finish(cube);
      writer.close();
      return cube;
    } catch (error) {
      writer.discard();
      throw error;
    }
  } finally {
    stored.close();
  }
}

function copyValues(cube: CubeReader, writer: CubeFileWriter): void {
  const [rows, cols, points] = cube.shape;
  const slab = Math.max(1, Math.floor(SLAB_VALUES / (cols * points)));
  for (let row = 0; row < rows; row += slab) {
    writer.writeRows(row, cube.readBlock({ row, col: 0, rows: Math.min(slab, rows - row), cols }));
  }
}

function copyMask(cube: CubeReader, writer: CubeFileWriter): void {
  const [rows, cols, points] = cube.shape;
  const mask_HWS = cube.readMask({ row: 0, col: 0, rows, cols });
  const mask_HW = new Uint8Array(rows * cols);
  for (let s = 0; s < points; s++) {
    for (let i = 0; i < mask_HW.length; i++) mask_HW[i] = mask_HWS[i * points + s];
    writer.writeMap(s, writer.readMap(s), mask_HW);
  }
}
