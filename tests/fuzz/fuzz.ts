import { unzlibSync } from "fflate";
import { createRandom } from "../../lib/base/random.ts";
import { SHARED } from "../support/shared.ts";
import { LineProcess } from "./line_process.ts";
import { mutate } from "./mutate.ts";
import type { ReadOutcome } from "./read_worker.ts";

/**
 * `deno task fuzz [COUNT] [SEED]`: reads COUNT damaged copies of every measurement in ../shared/data and of the files in
 * tests/golden, in a process of its own with a time limit for each, at which it is ended. What is read all the same is compared with what
 * h5py and NumPy read, where Python has them. Failing files are kept in out/fuzz. Exit code 1 on a crash, an
 * error that is none of ours, or a value that differs.
 */
/** The service's own limit is longer; a file that takes this long on which nothing else works never ends. */
const TIMEOUT_MS = 20000;
const LARGE_BYTES = 2 ** 29;
const PYTHON = "/usr/bin/python3";
const KEPT = new URL("../../out/fuzz/", import.meta.url).pathname;

interface Seed {
  name: string;
  bytes: Uint8Array;
  /** Large files take long to read: fewer of them. */
  weight: number;
  /** Of the undamaged file, where it is a cube. */
  valuesSha256?: string;
  values?: Float64Array;
}

interface Counter {
  /** Read as a cube: with the values of the undamaged file, or with those that h5py and NumPy read too. */
  cubes: number;
  unharmed: number;
  refused: Record<string, number>;
  compared: number;
  /** Read although h5py refuses: no more values differ from the undamaged file than bytes were changed. */
  onlyNumbers: number;
  failures: { file: string; what: string; changes: string[] }[];
  /** Ended at the time limit, as the service would: damage that makes the HDF5 library itself turn in circles. */
  stopped: string[];
  slowestMs: number;
  largestRssBytes: number;
  largestRssFile: string;
}

function seeds(): Seed[] {
  const golden: Record<string, { bytes: string }> = JSON.parse(
    Deno.readTextFileSync(new URL("../golden/small_files.json", import.meta.url)),
  );
  const small = Object.entries(golden).map(([name, { bytes }]) => ({
    name,
    bytes: unzlibSync(Uint8Array.fromBase64(bytes)),
    weight: 4,
  }));
  if (!SHARED) return small;
  const folder = new URL("data/", SHARED);
  const measured = [...Deno.readDirSync(folder)].filter(({ name }) => !/\.(md|py)$/.test(name)).map(({ name }) => {
    const bytes = Deno.readFileSync(new URL(name, folder));
    return { name, bytes, weight: /hspy|usid_beps/.test(name) ? 1 : 6 };
  });
  return [...measured, ...small];
}

async function hasOracle(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(PYTHON, { args: ["-c", "import h5py, numpy"], stderr: "null" }).output();
    return success;
  } catch {
    return false;
  }
}

async function main(count: number, seed: number): Promise<Counter> {
  const folder = await Deno.makeTempDir();
  const [path, valuesPath] = [`${folder}/upload`, `${folder}/values`];
  const worker = new URL("./read_worker.ts", import.meta.url).pathname;
  const start = () =>
    new LineProcess(Deno.execPath(), [
      ...["run", "-q", "--no-prompt", "--cached-only", `--allow-read=${path}`, `--allow-write=${valuesPath}`],
      ...["--ignore-env", "--ignore-read", "--v8-flags=--max-old-space-size=512", worker, valuesPath],
    ]);
  const oracle = await hasOracle()
    ? new LineProcess(PYTHON, [new URL("./oracle.py", import.meta.url).pathname])
    : undefined;
  const random = createRandom(seed);
  const files: Seed[] = seeds();
  const lottery = files.flatMap((file) => new Array<Seed>(file.weight).fill(file));
  const tally: Counter = {
    cubes: 0,
    unharmed: 0,
    refused: {},
    compared: 0,
    onlyNumbers: 0,
    failures: [],
    stopped: [],
    slowestMs: 0,
    largestRssBytes: 0,
    largestRssFile: "",
  };
  let reader = start();
  await readUndamaged(files, reader, path, valuesPath);
  for (let i = 0; i < count; i++) {
    const file = lottery[random.integer(lottery.length)];
    const { bytes, changes } = mutate(file.bytes, random);
    await Deno.writeFile(path, bytes);
    const startedMs = performance.now();
    let result = await reader.ask(path, TIMEOUT_MS);
    if (isSpent(result)) {
      // The service reads every file in a new process; damage that this one has taken from earlier files is not judged.
      await reader.end();
      reader = start();
      result = await reader.ask(path, TIMEOUT_MS);
    }
    if (result === "hang") tally.stopped.push(`${file.name} (${seed}-${i})`);
    else tally.slowestMs = Math.max(tally.slowestMs, performance.now() - startedMs);
    const what = await judge(result, { file, path, valuesPath, oracle, tally });
    if (what || result === "hang") {
      await Deno.mkdir(KEPT, { recursive: true });
      await Deno.writeFile(`${KEPT}${seed}-${i}`, bytes);
    }
    if (what) {
      tally.failures.push({ file: `${file.name} (${seed}-${i})`, what, changes });
      console.log(JSON.stringify(tally.failures.at(-1)));
    }
    if (isSpent(result) || result === "hang" || i % 500 === 499) {
      await reader.end();
      reader = start();
    }
  }
  await reader.end();
  await oracle?.end();
  await Deno.remove(folder, { recursive: true });
  return tally;
}

interface Case {
  file: Seed;
  path: string;
  valuesPath: string;
  oracle: LineProcess | undefined;
  tally: Counter;
}

/** What is wrong with an outcome, or undefined. */
async function judge(result: { answer: string } | "hang" | "crash", met: Case): Promise<string | undefined> {
  const { file, path, valuesPath, oracle, tally } = met;
  if (result === "hang") return undefined;
  if (result === "crash") return "crash";
  const outcome: ReadOutcome = JSON.parse(result.answer);
  if (outcome.rssBytes > tally.largestRssBytes) {
    tally.largestRssBytes = outcome.rssBytes;
    tally.largestRssFile = `${file.name} (${outcome.code ?? "cube"})`;
  }
  if (outcome.outcome === "internal") return `internal error: ${outcome.message}`;
  if (outcome.outcome === "refused") {
    tally.refused[outcome.code!] = (tally.refused[outcome.code!] ?? 0) + 1;
    return undefined;
  }
  tally.cubes++;
  const { shape, axes } = outcome;
  if (axes!.some((axis, i) => axis.length !== shape![i] || !axis.every(Number.isFinite))) {
    return "axes do not fit the shape";
  }
  if (outcome.valuesSha256 === file.valuesSha256) {
    tally.unharmed++;
    return undefined;
  }
  const answer = await oracle?.ask(
    JSON.stringify({ ...outcome, axes: undefined, path, values: valuesPath }),
    TIMEOUT_MS,
  );
  if (answer === undefined) return undefined;
  if (typeof answer === "string") return `the oracle ended with a ${answer}`;
  tally.compared++;
  const verdict: string = JSON.parse(answer.answer);
  if (verdict === "equal") return undefined;
  // A newer HDF5 library forgives what an older one does not (a list of free space that reading has no use for); then
  // nothing but stored numbers may have changed.
  const forgiven = verdict.includes("bad heap free list") ||
    (verdict.startsWith("refused") && differing(file.values, valuesPath) <= changedBytes(file.bytes, path));
  if (forgiven) {
    tally.onlyNumbers++;
    return undefined;
  }
  return verdict;
}

/** How many values are not those of the undamaged file. */
function differing(wanted: Float64Array | undefined, valuesPath: string): number {
  const met = new Float64Array(Deno.readFileSync(valuesPath).buffer);
  if (met.length !== wanted?.length) return Infinity;
  return met.reduce((count, value, i) => count + (Object.is(value, wanted[i]) ? 0 : 1), 0);
}

function changedBytes(original: Uint8Array, path: string): number {
  const bytes = Deno.readFileSync(path);
  if (bytes.length !== original.length) return 0;
  return bytes.reduce((count, byte, i) => count + (byte === original[i] ? 0 : 1), 0);
}

/** A process that has grown or failed: the library's memory never shrinks, and some damage stays in it. */
function isSpent(result: { answer: string } | "hang" | "crash"): boolean {
  if (typeof result === "string") return result === "crash";
  const outcome: ReadOutcome = JSON.parse(result.answer);
  return outcome.outcome === "internal" || outcome.rssBytes > LARGE_BYTES;
}

/** Keeps the values of each undamaged file that is a cube. */
async function readUndamaged(files: Seed[], reader: LineProcess, path: string, valuesPath: string): Promise<void> {
  for (const file of files) {
    await Deno.writeFile(path, file.bytes);
    const result = await reader.ask(path, TIMEOUT_MS);
    if (typeof result === "string") continue;
    const outcome: ReadOutcome = JSON.parse(result.answer);
    if (outcome.outcome !== "cube") continue;
    file.valuesSha256 = outcome.valuesSha256;
    file.values = new Float64Array((await Deno.readFile(valuesPath)).buffer);
  }
}

if (import.meta.main) {
  const [count, seed] = [Number(Deno.args[0] ?? 1000), Number(Deno.args[1] ?? 1)];
  const beforeBytes = Deno.memoryUsage().rss;
  const tally = await main(count, seed);
  const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20);
  console.log(JSON.stringify({ count, seed, ...tally, failures: tally.failures.length }, undefined, 1));
  console.log(
    `Memory of this process: ${megabytes(beforeBytes)} MiB before, ${megabytes(Deno.memoryUsage().rss)} after`,
  );
  if (tally.failures.length > 0) Deno.exit(1);
}
