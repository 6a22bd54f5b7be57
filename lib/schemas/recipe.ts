import { z } from "zod";

export const recipeSchema = z.enum(["published", "robust"]);
/**
 * `published`: the network and training of the paper. `robust`: with a linear path through the bottleneck that starts as
 * ridge regression, input noise, weight decay and a cosine schedule.
 */
export type Recipe = z.infer<typeof recipeSchema>;

/** What a `robust` training takes where the request says nothing. */
const ROBUST_DEFAULTS = { epochs: 14, filters: 16, members: 3, weightDecay: 0.05, schedule: "cosine" } as const;

/** A training request as sent, with its recipe's defaults filled in; anything else as it is. */
export function withRecipeDefaults(body: unknown): unknown {
  const isRobust = typeof body === "object" && body !== null && "recipe" in body && body.recipe === "robust";
  return isRobust ? { ...ROBUST_DEFAULTS, ...body } : body;
}
