import { z } from "zod";

/** An upload in pieces (tus): how far it has come, and the cube it became. */
export const uploadSchema = z.object({
  id: z.string(),
  sizeBytes: z.int(),
  offset: z.int(),
  /** From `Upload-Metadata`: `name`, `dataset`, `channel`, `repair`, `sha256`. */
  metadata: z.record(z.string(), z.string()),
  owner: z.string(),
  createdMs: z.number(),
  expiresMs: z.number(),
  cube: z.string().optional(),
});
export type Upload = z.infer<typeof uploadSchema>;
