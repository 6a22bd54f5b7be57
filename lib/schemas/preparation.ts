import { z } from "zod";
import { regionSchema } from "./job.ts";

const count = z.int().min(1).max(65536);
const interval = { from: z.number(), to: z.number() };

/** One step of preparing a cube; recorded in its provenance in this form and repeated from there. */
export const preparationSchema = z.discriminatedUnion("step", [
  /** Keeps the steps whose axis value lies in from..to, and of those every n-th. */
  z.strictObject({
    step: z.literal("spectralRange"),
    parameters: z.strictObject({ ...interval, every: count.default(1) }),
  }),
  /** The spectrum is this many equal sweeps after one another: their mean. */
  z.strictObject({ step: z.literal("averageSweeps"), parameters: z.strictObject({ sweeps: count }) }),
  /** Linear interpolation at this many places, evenly spaced in step number (sweeps that turn are kept). */
  z.strictObject({ step: z.literal("resample"), parameters: z.strictObject({ points: count }) }),
  /** Linear interpolation at these axis values, sweep by sweep where the axis turns; all must lie within it. */
  z.strictObject({
    step: z.literal("resampleTo"),
    parameters: z.strictObject({ values: z.array(z.number()).min(1).max(16384) }),
  }),
  /** Sums of neighbouring spectral steps, for counts; a rest is dropped. */
  z.strictObject({ step: z.literal("binSpectral"), parameters: z.strictObject({ factor: count }) }),
  /** Subtracts what is fitted to the steps whose axis value lies in from..to. */
  z.strictObject({
    step: z.literal("background"),
    parameters: z.strictObject({ ...interval, model: z.enum(["constant", "linear", "powerLaw"]) }),
  }),
  z.strictObject({ step: z.literal("crop"), parameters: regionSchema.strict() }),
  /** Sums over squares of pixels, for counts; a rest is dropped. */
  z.strictObject({ step: z.literal("binPixels"), parameters: z.strictObject({ factor: count }) }),
]);
export type Preparation = z.infer<typeof preparationSchema>;

export const preparationsSchema = z.array(preparationSchema).max(32);
