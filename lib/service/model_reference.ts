import { unprocessable } from "../base/errors.ts";

/** Splits `name@version`; a bare name means the latest version. Throws `bad_model_reference`. */
export function parseModelReference(reference: string): { name: string; version: string } {
  const match = /^([a-z0-9][a-z0-9._-]{0,63})(?:@([a-z0-9][a-z0-9._-]{0,63}))?$/.exec(reference);
  if (match) return { name: match[1], version: match[2] ?? "latest" };
  const met = JSON.stringify(reference.slice(0, 200));
  throw unprocessable("bad_model_reference", `The model is ${met}; expected a name or name@version`);
}
