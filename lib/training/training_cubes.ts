import { unprocessable } from "../base/errors.ts";
import type { CubeReader, Region } from "../cube/cube.ts";
import { prepareCube } from "../cube/prepare.ts";
import { commonValues, sameAxisValues } from "../cube/resample_axis.ts";
import type { Preparation } from "../schemas/preparation.ts";

/** A cube to learn from. */
export interface TrainingCube {
  cube: CubeReader;
  /** Of the cube's bytes as uploaded, for the record. */
  cubeSha256: string;
  cubeName: string;
  /** The cube's own preparation steps, for the record. */
  preparation?: readonly Preparation[];
  /** Where training pixels' centres lie; default: the left 72 % of the columns. */
  region?: Region;
}

/**
 * The same cubes on one spectral axis: those steps of the first that lie within every other's range, to which the spectra of a
 * cube whose axis differs are resampled. Throws `quantities_differ`, `units_differ`, `axes_do_not_overlap` and
 * `sweeps_differ`.
 */
export function alignCubes<T extends Pick<TrainingCube, "cube" | "cubeName" | "preparation">>(
  cubes: readonly T[],
): T[] {
  const [first, ...others] = cubes;
  if (others.length === 0) return [...cubes];
  for (const other of others) checkSame(first, other);
  const values = commonValues(cubes.map(({ cube }) => cube.axes.spectral.values));
  return cubes.map((each) => {
    if (sameAxisValues(values, each.cube.axes.spectral.values)) return each;
    const step: Preparation = { step: "resampleTo", parameters: { values } };
    return { ...each, cube: prepareCube(each.cube, [step]), preparation: [...each.preparation ?? [], step] };
  });
}

type Named = Pick<TrainingCube, "cube" | "cubeName">;

function checkSame(first: Named, other: Named): void {
  const check = (code: string, what: string, of: (cube: CubeReader) => string) => {
    const [wanted, met] = [of(first.cube), of(other.cube)];
    if (met.trim().toLowerCase() === wanted.trim().toLowerCase()) return;
    throw unprocessable(
      code,
      `${what} of cube ${other.cubeName} is ${met || "not known"}; expected ${
        wanted || "none"
      }, as in cube ${first.cubeName}`,
    );
  };
  check("quantities_differ", "Quantity", ({ quantity }) => quantity);
  check("units_differ", "Unit", ({ unit }) => unit);
  check("units_differ", "Unit of the spectral axis", ({ axes }) => axes.spectral.unit);
}
