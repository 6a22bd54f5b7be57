/** Ids are branded so that a cube's id cannot be passed for a job's; zod brands them at the border. */
export type CubeId = string & { readonly __id: "cube" };
export type JobId = string & { readonly __id: "job" };

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

const RANDOM_CHARACTERS = 16;
/** Random bytes are drawn for many ids at once: a draw costs more than the rest of an id. */
const pool = { bytes: new Uint8Array(256 * RANDOM_CHARACTERS), used: Infinity };

/** A new id such as `job_01m2k8…`: sortable by creation time (48 bits of milliseconds), then 80 random bits. */
export function newId<T extends string>(prefix: string, nowMs: number = Date.now()): T {
  let time = "";
  for (let rest = nowMs, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = ALPHABET[rest % 32] + time;
  return `${prefix}_${time}${randomCharacters()}` as unknown as T;
}

function randomCharacters(): string {
  if (pool.used + RANDOM_CHARACTERS > pool.bytes.length) {
    crypto.getRandomValues(pool.bytes);
    pool.used = 0;
  }
  let text = "";
  for (const end = pool.used + RANDOM_CHARACTERS; pool.used < end; pool.used++) {
    text += ALPHABET[pool.bytes[pool.used] & 31];
  }
  return text;
}
