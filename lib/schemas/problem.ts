import { z } from "zod";

/** RFC 9457 problem details with a stable code for programs. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().meta({ description: "What was wrong, with the value received and the value expected" }),
  instance: z.string().meta({ description: "The request's path" }),
  code: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  error: z.string().optional().meta({ description: "= detail, under /v2 only" }),
});
export type Problem = z.infer<typeof problemSchema>;
