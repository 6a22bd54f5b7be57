import { z } from "zod";
import { ingestedCubeSchema } from "./cube.ts";

/** `cube.json` beside a stored cube's values: what was read, and how the values lie in `values.f32` and `mask.u8`. */
export const cubeFileSchema = ingestedCubeSchema.extend({
  layout: z.object({ version: z.literal(1), tileRows: z.int().min(1), tileCols: z.int().min(1) }),
  /** SHA-256 of the files beside it, by name; cubes of earlier versions lack it. */
  digests: z.record(z.string(), z.string()).optional(),
});
export type CubeFile = z.infer<typeof cubeFileSchema>;
