import { z } from "zod";
import { aliasSchema } from "./model.ts";

/** Path parameters. What is too long or odd to exist is not looked up; the rest is 404 where it is not there. */
const id = z.string().min(1).max(200);

export const noParamsSchema = z.object({});
export const idParamsSchema = z.object({ id });
export const modelParamsSchema = z.object({ name: id });
export const versionParamsSchema = z.object({
  name: id,
  version: id.meta({ description: "A number, `latest` or an alias" }),
});
export const aliasParamsSchema = z.object({ name: id, alias: id });
/** Of an alias that is to be made: its name must not read as a version. */
export const newAliasParamsSchema = z.object({ name: id, alias: aliasSchema });
export const appliedParamsSchema = versionParamsSchema.extend({ cube: id });
