import { z } from "zod";

export const systemSchema = z.looseObject({
  version: z.string(),
  engine: z.looseObject({ name: z.string(), device: z.string(), threads: z.int() }),
  engines: z.array(z.looseObject({ name: z.string(), available: z.boolean(), reason: z.string().optional() })),
  limits: z.looseObject({}),
});

export const healthSchema = z.object({ status: z.literal("ok") });
