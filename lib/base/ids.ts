/** Ids are branded so that a cube's id cannot be passed for a job's; zod brands them at the border. */
export type CubeId = string & { readonly __id: "cube" };
export type JobId = string & { readonly __id: "job" };

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** A new id such as `job_01m2k8…`: sortable by creation time (48 bits of milliseconds), then 80 random bits. */
export function newId<T extends string>(prefix: string, nowMs: number = Date.now()): T {
  let time = "";
  for (let rest = nowMs, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = ALPHABET[rest % 32] + time;
  const random = crypto.getRandomValues(new Uint8Array(16));
  return `${prefix}_${time}${Array.from(random, (byte) => ALPHABET[byte & 31]).join("")}` as unknown as T;
}
