import { z } from "zod";

const flag = z.enum(["true", "false"], "expected true or false").transform((text) => text === "true");

/** Digits and nothing else: ` `, `1e9`, `0x10` and `-1` are more likely slips than meant. */
const wholeNumber = (least: number, most: number) => {
  const wanted = `expected a whole number from ${least} to ${most}`;
  return z.string().regex(/^[0-9]{1,16}$/, wanted).transform(Number).pipe(
    z.number().min(least, wanted).max(most, wanted),
  );
};

/** `https://page.example`, as browsers send it: no path. `*` would open a service without keys to every page. */
const origin = z.string().refine(
  (text) => URL.canParse(text) && new URL(text).origin === text,
  "expected an origin such as https://page.example",
);
const hostName = z.string().regex(/^[A-Za-z0-9_.:[\]%-]+$/, "expected a host name or address").transform((text) =>
  text.replace(/^\[(.*)\]$/, "$1")
);

/**
 * The environment's settings (api.md, Settings). Every one has a default that works; an empty string counts as unset.
 */
export const settingsSchema = z.object({
  LOOPSCOPE_HOST: hostName.default("127.0.0.1"),
  LOOPSCOPE_PORT: wholeNumber(0, 65535).default(8080),
  LOOPSCOPE_DATA: z.string().default("./data"),
  LOOPSCOPE_ENGINE: z.enum(
    ["auto", "wasm", "webgpu", "tensorflow", "reference"],
    "expected auto, wasm, webgpu, tensorflow or reference",
  ).default("auto"),
  LOOPSCOPE_THREADS: wholeNumber(1, 256).optional(),
  LOOPSCOPE_MAX_UPLOAD_BYTES: wholeNumber(1, Number.MAX_SAFE_INTEGER).default(8 * 2 ** 30),
  /** All cubes together; a further upload is refused with 507-like `quota_exceeded`. */
  LOOPSCOPE_MAX_STORED_BYTES: wholeNumber(1, Number.MAX_SAFE_INTEGER).default(256 * 2 ** 30),
  LOOPSCOPE_PARSE_TIMEOUT_S: wholeNumber(1, 86400).default(600),
  LOOPSCOPE_API_KEYS: z.string().optional(),
  LOOPSCOPE_PUBLIC_READ: flag.default(false),
  LOOPSCOPE_PUBLIC_UPLOADS: flag.default(false),
  LOOPSCOPE_PUBLIC_TRAINING: flag.default(false),
  /** Take callers' addresses from `X-Forwarded-For`: only behind a proxy that sets it. */
  LOOPSCOPE_TRUST_PROXY: flag.default(false),
  LOOPSCOPE_MAX_CONNECTIONS: wholeNumber(1, 1_000_000).default(1000),
  /** What one key may have; cubes and their bytes, unfinished jobs, unfinished training among them. */
  LOOPSCOPE_KEY_CUBES: wholeNumber(0, 1_000_000).default(10_000),
  LOOPSCOPE_KEY_BYTES: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(64 * 2 ** 30),
  LOOPSCOPE_KEY_JOBS: wholeNumber(0, 1_000_000).default(100),
  LOOPSCOPE_KEY_TRAINING: wholeNumber(0, 1_000_000).default(50),
  /** The same for one address without a key, at a public demo. */
  LOOPSCOPE_VISITOR_CUBES: wholeNumber(0, 1_000_000).default(5),
  LOOPSCOPE_VISITOR_BYTES: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(512 * 2 ** 20),
  LOOPSCOPE_VISITOR_JOBS: wholeNumber(0, 1_000_000).default(4),
  LOOPSCOPE_VISITOR_TRAINING: wholeNumber(0, 1_000_000).default(1),
  /** One training of a visitor ends after this. */
  LOOPSCOPE_VISITOR_TRAINING_MINUTES: wholeNumber(1, 100_000).default(15),
  /** What visitors uploaded and trained is removed after this. */
  LOOPSCOPE_VISITOR_HOURS: wholeNumber(1, 100_000).default(24),
  LOOPSCOPE_CORS_ORIGIN: origin.optional(),
  LOOPSCOPE_WEBHOOK_HOSTS: z.string().default("").transform((text) =>
    text.split(",").map((host) => host.trim()).filter(Boolean)
  ),
  /** Key of the signature on webhooks, shared with their receivers. */
  LOOPSCOPE_WEBHOOK_SECRET: z.string().min(16, "expected 16 characters at least").optional(),
  LOOPSCOPE_RATE_PER_MINUTE: wholeNumber(1, 1_000_000).default(600),
  LOOPSCOPE_KEY_RATE_PER_MINUTE: wholeNumber(1, 10_000_000).default(6000),
  /** `auto`: text on a terminal, JSON lines elsewhere. */
  LOOPSCOPE_LOG: z.enum(["auto", "json", "text"], "expected auto, json or text").default("auto"),
  LOOPSCOPE_ROLE: z.enum(["all", "web", "worker"], "expected all, web or worker").default("all"),
  LOOPSCOPE_DATABASE_URL: z.string().optional(),
  LOOPSCOPE_STORAGE_URL: z.string().optional(),
});
export type Settings = z.infer<typeof settingsSchema>;

/** Never repeated in a message. */
const SECRETS = new Set(["LOOPSCOPE_WEBHOOK_SECRET", "LOOPSCOPE_DATABASE_URL"]);
/** Read by the command-line client. */
const CLIENT_NAMES = ["LOOPSCOPE_URL", "LOOPSCOPE_KEY"];

/** The only names that are read from the environment. */
export const settingNames: readonly string[] = Object.keys(settingsSchema.shape);

/** Reads the settings; throws with one line for each value that does not fit. */
export function parseSettings(environment: Record<string, string | undefined>): Settings {
  const set = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = settingsSchema.safeParse(set);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    const met = SECRETS.has(name) ? `${set[name]?.length} characters` : JSON.stringify(set[name]);
    return `${name} is ${met}; ${issue.message}`;
  });
  throw new RangeError([...new Set(lines)].join("\n"));
}

/** Names in the environment that look like settings and are none: most often a slip. */
export function unknownSettings(names: Iterable<string>): string[] {
  const known = new Set([...settingNames, ...CLIENT_NAMES]);
  return [...names].filter((name) => name.startsWith("LOOPSCOPE_") && !known.has(name)).sort();
}

/** The setting whose name is most like this one, where one is: a slip of a few letters. */
export function nearestSetting(name: string): string | undefined {
  const ranked = settingNames.map((known) => ({ known, distance: editDistance(name, known) }))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0].distance <= 3 ? ranked[0].known : undefined;
}

/** Levenshtein's: letters to insert, delete or replace. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

/** What is set and changes nothing, in one line each. */
export function idleSettings(settings: Settings): string[] {
  const { LOOPSCOPE_PUBLIC_READ: isPublic, LOOPSCOPE_WEBHOOK_HOSTS: hosts } = settings;
  const forVisitors = ["LOOPSCOPE_PUBLIC_UPLOADS", "LOOPSCOPE_PUBLIC_TRAINING"] as const;
  return [
    ...forVisitors.filter((name) => settings[name] && !isPublic).map((name) => `${name} without LOOPSCOPE_PUBLIC_READ`),
    ...(hosts.length > 0 && !settings.LOOPSCOPE_WEBHOOK_SECRET
      ? ["LOOPSCOPE_WEBHOOK_HOSTS without LOOPSCOPE_WEBHOOK_SECRET: signed with an empty key"]
      : []),
  ];
}

/** Whether callers are identified by keys; otherwise every caller has all rights. */
export function needsKeys({ LOOPSCOPE_API_KEYS, LOOPSCOPE_PUBLIC_READ }: Settings): boolean {
  return LOOPSCOPE_API_KEYS !== undefined || LOOPSCOPE_PUBLIC_READ;
}
