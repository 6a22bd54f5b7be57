import { S3Bucket, type S3Options, type StorageKeys } from "../../lib/store/s3/s3_bucket.ts";
import type { StorageLocation } from "../../lib/store/s3/storage_url.ts";

export const S3_KEYS: StorageKeys = { accessKeyId: "loopscope", secretAccessKey: "loopscope-secret" };
export const S3_BUCKET = "loopscope";

/** A real S3 server (versitygw) on a free port, over a temporary folder. */
export interface S3Server extends AsyncDisposable {
  readonly location: StorageLocation;
  /** As `LOOPSCOPE_STORAGE_URL`. */
  readonly url: string;
  /** Where the objects lie as files. */
  readonly folder: string;
  bucket(options?: S3Options & { keys?: StorageKeys; prefix?: string; name?: string }): S3Bucket;
  /** Killed at once; its objects stay. */
  kill(): Promise<void>;
  /** On the same port, after `kill`. */
  start(): Promise<void>;
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
}

const PROGRAMS = [`${Deno.env.get("HOME")}/go/bin/versitygw`, "/usr/local/bin/versitygw", "/usr/bin/versitygw"];

/** What keeps tests on a real server from running here, for their name; undefined where nothing does. */
export function missingS3Server(): string | undefined {
  return findProgram()
    ? undefined
    : "versitygw is not installed: go install github.com/versity/versitygw/cmd/versitygw@latest";
}

/** Throws where `missingS3Server` says something. `folder` (for a small disk) is left to the caller. */
export async function startS3Server(options: { folder?: string } = {}): Promise<S3Server> {
  const program = findProgram();
  if (!program) throw new Error(missingS3Server());
  const folder = options.folder ?? await Deno.makeTempDir({ prefix: "loopscope-s3-" });
  await Deno.mkdir(`${folder}/${S3_BUCKET}`, { recursive: true });
  const port = freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  let process = await run(program, port, folder);
  const location = { endpoint, bucket: S3_BUCKET, prefix: "test/", region: "us-east-1" };
  const end = async () => {
    process.kill("SIGKILL");
    await process.status;
  };
  return {
    location,
    folder,
    url: `s3://${S3_BUCKET}/test?endpoint=${endpoint}`,
    bucket: ({ keys = S3_KEYS, prefix = "test/", name = S3_BUCKET, ...rest } = {}) =>
      new S3Bucket({ ...location, prefix, bucket: name }, keys, rest),
    kill: end,
    async start() {
      process = await run(program, port, folder);
    },
    signal: (signal) => process.kill(signal),
    async [Symbol.asyncDispose]() {
      await end();
      if (!options.folder) await Deno.remove(folder, { recursive: true });
    },
  };
}

function findProgram(): string | undefined {
  return PROGRAMS.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** Resolves when it answers. */
async function run(program: string, port: number, folder: string): Promise<Deno.ChildProcess> {
  const process = new Deno.Command(program, {
    args: ["--quiet", "--keep-alive", "--port", `127.0.0.1:${port}`, "posix", folder],
    env: { ROOT_ACCESS_KEY: S3_KEYS.accessKeyId, ROOT_SECRET_KEY: S3_KEYS.secretAccessKey },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer) return process;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  process.kill("SIGKILL");
  throw new Error("versitygw does not answer");
}
