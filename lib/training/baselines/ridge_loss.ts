import type { PairSet } from "../training_data.ts";
import { type LinearModel, predictLinear } from "./ridge.ts";

/**
 * Mean squared error of a ridge regression on held-out pairs, standardised as the losses of a training are: what the
 * curve of the test loss has to fall below before the network is worth more than a line.
 */
export function ridgeLoss(ridge: LinearModel, { input_NI, target_NO }: PairSet): number {
  const predicted_NO = predictLinear(ridge, input_NI);
  let sum = 0;
  for (let i = 0; i < target_NO.length; i++) sum += (predicted_NO[i] - target_NO[i]) ** 2;
  return sum / target_NO.length;
}
