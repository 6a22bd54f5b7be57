import { type BaselineOptions, ridgeBaseline } from "./baselines.ts";
import type { PairSet } from "../training_data.ts";

/**
 * Mean squared error of the ridge regression on held-out pairs, standardised as the losses of a training are: what the
 * curve of the test loss has to fall below before the network is worth more than a line.
 */
export async function ridgeLoss(train: PairSet, test: PairSet, options: BaselineOptions): Promise<number> {
  const predicted_NO = await ridgeBaseline(train, test, options);
  const { target_NO } = test;
  let sum = 0;
  for (let i = 0; i < target_NO.length; i++) sum += (predicted_NO[i] - target_NO[i]) ** 2;
  return sum / target_NO.length;
}
