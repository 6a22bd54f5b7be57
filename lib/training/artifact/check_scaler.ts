import { unprocessable } from "../../base/errors.ts";
import type { NetworkOptions, Scaler, Standardiser } from "../../schemas/model.ts";

/**
 * Throws `scaler_mismatch` for a scaler that a network cannot use: lists that are not one number a spectral step, lists on
 * the image side, deviations that are not positive.
 */
export function checkScaler(scaler: Scaler, { direction, points }: NetworkOptions): void {
  const spectral = direction === "im2spec" ? "output" : "input";
  for (const side of ["input", "output"] as const) checkSide(scaler[side], side, side === spectral ? points : 1);
}

function checkSide({ mean, std }: Standardiser, side: string, points: number): void {
  for (const [what, value] of [["mean", mean], ["std", std]] as const) {
    if (Array.isArray(value) && value.length !== points) {
      const wanted = points === 1
        ? "one number, since it belongs to images"
        : `one number, or ${points} for the points`;
      throw unprocessable("scaler_mismatch", `Scaler ${side}.${what} has ${value.length} numbers; expected ${wanted}`);
    }
    const bad = [value].flat().find((number) => !Number.isFinite(number) || (what === "std" && number <= 0));
    if (bad === undefined) continue;
    throw unprocessable(
      "scaler_mismatch",
      `Scaler ${side}.${what} holds ${bad}; expected ${what === "std" ? "positive" : "finite"} numbers`,
    );
  }
}
