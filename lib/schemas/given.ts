import { z } from "zod";

const word = z.string().max(100);

/** A spectral axis that is given with a file: its values, or the first and last of evenly spaced ones. */
const givenAxisSchema = z.union([
  z.strictObject({ name: word.min(1), unit: word.default(""), values: z.array(z.number()).min(1).max(65536) }),
  z.strictObject({ name: word.min(1), unit: word.default(""), start: z.number(), stop: z.number() }),
]);
export type GivenAxis = z.infer<typeof givenAxisSchema>;

/** Distance from one pixel to the next. */
const givenPixelSchema = z.union([
  z.strictObject({ size: z.number().positive(), unit: word.min(1) }),
  z.strictObject({ row: z.number().positive(), col: z.number().positive(), unit: word.min(1) }),
]);
export type GivenPixel = z.infer<typeof givenPixelSchema>;

/** What a file does not say, or says wrongly; it wins over the file. */
export const givenSchemas = {
  axis: givenAxisSchema,
  quantity: word.min(1),
  unit: word,
  pixel: givenPixelSchema,
};

/** What is read of complex values; `projection` is A cos(phase - offset) with the offset that the data have most of. */
export const complexPartSchema = z.enum(["magnitude", "phase", "real", "imaginary", "projection"]);
export type ComplexPart = z.infer<typeof complexPartSchema>;
