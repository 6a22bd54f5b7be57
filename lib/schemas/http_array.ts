import { z } from "zod";

/** An array in an answer: row-major, NaN as null. */
export const arrayJsonSchema = z.object({
  dtype: z.enum(["float32", "float64", "int32", "uint8"]),
  shape: z.array(z.int().min(0)),
  data: z.array(z.number().nullable()),
});

/** An array in a request: the same form, or nested lists of numbers. Documentation only: `read_array.ts` reads it. */
export const arrayInputSchema = z.union([
  z.object({ dtype: arrayJsonSchema.shape.dtype.optional(), shape: z.array(z.int()), data: z.array(z.number()) }),
  z.array(z.unknown()).meta({ description: "Nested lists of numbers, such as rows of a patch" }),
]);
