import type { Client, Json } from "./client.ts";
import { createProgressLine, epochLine } from "./progress_line.ts";

export interface CommandInput {
  client: Client;
  /** Words after the command. */
  words: string[];
  /** `--name value` */
  options: Record<string, string>;
  print(line: string): void;
  /** Standard output as it is, for progress. */
  write(text: string): void;
  isTerminal: boolean;
}

export interface Command {
  /** One line on what it does. */
  about: string;
  usage: string;
  /** Words that must be there. */
  words: number;
  /** Names that may stand after `--`, beside `url`, `key` and `help`. */
  options?: readonly string[];
  run(input: CommandInput): Promise<void>;
}

const TYPES: Record<string, string> = {
  ...{ npy: "application/x-npy", npz: "application/x-npz", json: "application/json" },
  ...{ h5: "application/x-hdf5", csv: "text/csv" },
};

const NUMBERS = [
  ...["window", "latent", "filters", "epochs", "batchSize", "learningRate", "seed", "imageAt", "members"],
  ...["weightDecay", "inputNoise"],
];
const TRAIN_OPTIONS = [...NUMBERS, "direction", "recipe", "schedule", "validation", "region", "map", "from", "notes"];

/** Every command by name. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  system: {
    about: "version, engine and limits of the service",
    usage: "system",
    words: 0,
    run: async ({ client, print }) => print(pretty(await client.get("/v1/system"))),
  },
  cubes: { about: "all cubes: id, shape, format, name", usage: "cubes", words: 0, run: listCubes },
  upload: {
    about: "make a cube of a file",
    usage: "upload FILE [--name N] [--dataset PATH] [--channel C] [--repair robust|off]",
    words: 1,
    options: ["name", "dataset", "channel", "repair"],
    run: upload,
  },
  values: {
    about: "a cube as it is used, as a file",
    usage: "values CUBE --out FILE.h5|.npz|.npy",
    words: 1,
    options: ["out"],
    run: (input) => saveCube(input, "values"),
  },
  file: {
    about: "a cube's file as it was uploaded",
    usage: "file CUBE --out FILE",
    words: 1,
    options: ["out"],
    run: (input) => saveCube(input, "file"),
  },
  train: {
    about: "train a model on a cube, with progress and live loss",
    usage: "train CUBE SAVE_AS [--direction im2spec|spec2im] [--recipe robust|published] [--validation split|sides]\n" +
      "       [--schedule cosine|constant] [--region ROW,COL,ROWS,COLS] [--map NAME] [--from NAME@VERSION]\n" +
      `       [--notes TEXT] ${NUMBERS.map((name) => `[--${name} N]`).join(" ")}`,
    words: 2,
    options: TRAIN_OPTIONS,
    run: train,
  },
  jobs: { about: "all jobs: id, state, what they make", usage: "jobs", words: 0, run: listJobs },
  watch: { about: "follow a job to its end", usage: "watch JOB", words: 1, run: watch },
  cancel: { about: "stop a job", usage: "cancel JOB", words: 1, run: cancel },
  models: { about: "all models: name, versions, aliases", usage: "models", words: 0, run: listModels },
  card: { about: "what a model is worth", usage: "card NAME[@VERSION]", words: 1, run: showCard },
  predict: {
    about: "apply a model to patches or spectra",
    usage: "predict NAME[@VERSION] INPUT.npy|INPUT.json [--out FILE.npy|.npz|.json]",
    words: 2,
    options: ["out"],
    run: predict,
  },
  errors: {
    about: "scores of a model on a cube, or maps of its errors",
    usage: "errors NAME[@VERSION] CUBE [--out FILE.h5|.npz|.npy|.csv|.json]",
    words: 2,
    options: ["out"],
    run: errors,
  },
  export: {
    about: "a result as a file",
    usage:
      "export NAME[@VERSION] CUBE RESULT --out FILE.h5|.npz|.npy|.csv|.json   (RESULT: predictions, errors, latents,\n" +
      "       'gmm?components=4', 'manifold?steps=8', 'suggest?count=5')",
    words: 3,
    options: ["out"],
    run: exportResult,
  },
  weights: {
    about: "a model's weights",
    usage: "weights NAME[@VERSION] --out FILE.safetensors",
    words: 1,
    options: ["out"],
    run: (input) => saveModel(input, "weights", "safetensors"),
  },
  onnx: {
    about: "a model for ONNX runtimes, with its scaler inside",
    usage: "onnx NAME[@VERSION] --out FILE.onnx",
    words: 1,
    options: ["out"],
    run: (input) => saveModel(input, "onnx", "onnx"),
  },
  archive: {
    about: "a model with its card, check and ONNX, for another service",
    usage: "archive NAME[@VERSION] --out FILE.zip",
    words: 1,
    options: ["out"],
    run: (input) => saveModel(input, "archive", "zip"),
  },
  import: {
    about: "take a model's archive",
    usage: "import FILE.zip [--name NAME]",
    words: 1,
    options: ["name"],
    run: importArchive,
  },
};

async function listCubes({ client, print }: CommandInput): Promise<void> {
  for await (const { id, name, shape, format } of client.list("/v1/cubes")) {
    print(`${id}  ${(shape as number[]).join(" x ")}  ${format}  ${name}`);
  }
}

async function upload({ client, words: [file], options, print }: CommandInput): Promise<void> {
  if (!(await Deno.stat(file)).isFile) throw new Error(`${file} is not a file`);
  using source = await Deno.open(file);
  const query = new URLSearchParams({ name: file.split("/").at(-1) ?? "cube", ...options });
  const headers = { "Content-Type": "application/octet-stream" };
  const init = { method: "POST", body: source.readable, headers };
  const cube = await (await client.request(`/v1/cubes?${query}`, init)).json() as Json;
  const { nan, outliers, failedPixels, repaired } = cube.health as Record<string, number>;
  print(`${cube.id}  ${(cube.shape as number[]).join(" x ")}  ${cube.format} ${cube.dataset}`);
  print(`${nan} missing values, ${outliers} outliers, ${failedPixels} failed pixels; ${repaired} values repaired`);
  for (const note of cube.notes as string[] ?? []) print(note);
}

async function train(input: CommandInput): Promise<void> {
  const { client, words: [cube, saveAs], options } = input;
  const request: Json = { kind: "train", direction: "im2spec", cube, saveAs };
  for (const [name, text] of Object.entries(options)) {
    request[name] = NUMBERS.includes(name) ? numberOf(name, text) : text;
  }
  if (options.region) {
    const [row, col, rows, cols, ...more] = options.region.split(",").map((text) => numberOf("region", text));
    if (cols === undefined || more.length > 0) throw wrongRegion(options.region);
    request.region = { row, col, rows, cols };
  }
  const { id } = await client.post("/v1/jobs", request);
  input.print(String(id));
  await watch({ ...input, words: [String(id)] });
}

function numberOf(name: string, text: string): number {
  if (text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
  throw new Error(`--${name}: received ${text}; expected a number`);
}

function wrongRegion(text: string): Error {
  return new Error(`--region: received ${text}; expected ROW,COL,ROWS,COLS such as 0,0,60,40`);
}

async function listJobs({ client, print }: CommandInput): Promise<void> {
  for await (const { id, state, kind, request, progress } of client.list("/v1/jobs")) {
    const { saveAs, result, cube } = request as Record<string, string>;
    const { epoch, epochs } = (progress ?? {}) as Record<string, number>;
    print(`${id}  ${state}${epochs ? ` ${epoch}/${epochs}` : ""}  ${kind} ${saveAs ?? result} of ${cube}`);
  }
}

async function cancel({ client, words: [job], print }: CommandInput): Promise<void> {
  await client.request(`/v1/jobs/${encodeURIComponent(job)}`, { method: "DELETE" });
  print(`${job} is cancelled`);
}

async function watch(input: CommandInput): Promise<void> {
  const { words: [job], isTerminal } = input;
  const leave = () => {
    console.error(
      `${isTerminal ? "\n" : ""}The job goes on. To follow it again: watch ${job}; to stop it: cancel ${job}`,
    );
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", leave);
  try {
    await follow(input, job);
  } finally {
    Deno.removeSignalListener("SIGINT", leave);
  }
}

async function follow({ client, print, write, isTerminal }: CommandInput, job: string): Promise<void> {
  const line = createProgressLine(write, isTerminal);
  for await (const { event, data } of client.events(job)) {
    if (event === "epoch") line.show(epochLine(data));
    if (event !== "done") continue;
    line.end();
    const { state, error, result } = data as { state: string; error?: Json; result?: Json };
    if (state !== "succeeded") throw new Error(`The job ${state}${error ? `: ${error.detail}` : ""}`);
    print(result?.model ? `${result.model}@${result.version}` : "done");
  }
}

async function listModels({ client, print }: CommandInput): Promise<void> {
  for await (const { name, versions, direction, aliases, readOnly } of client.list("/v1/models")) {
    const names = Object.entries(aliases as Record<string, number>).map(([alias, version]) => `${alias}=${version}`);
    const about = [
      direction,
      `versions ${(versions as number[]).join(", ")}`,
      ...names,
      ...(readOnly ? ["shipped"] : []),
    ];
    print(`${name}  ${about.join("  ")}`);
  }
}

async function showCard({ client, words: [model], print }: CommandInput): Promise<void> {
  const card = await (await client.request(`${pathOf(model)}/card`)).text();
  print(card.replace(/^---\n[\s\S]*?\n---\n\n/, "")); // the head is for programs
}

async function predict(input: CommandInput): Promise<void> {
  const { client, words: [model, file], options } = input;
  checkOut(options.out);
  const isNpy = file.endsWith(".npy");
  const body = isNpy ? await readInput(file) : JSON.stringify({ inputs: await readJson(file) });
  const headers = { "Content-Type": isNpy ? TYPES.npy : TYPES.json, Accept: typeOf(options.out) };
  await save(input, await client.request(`${pathOf(model)}/predict`, { method: "POST", body, headers }));
}

/** More than any service takes in one body would only fill the memory here. */
const MAX_INPUT_BYTES = 2 ** 30;

async function readInput(file: string): Promise<Uint8Array<ArrayBuffer>> {
  const { size, isFile } = await Deno.stat(file);
  if (isFile && size <= MAX_INPUT_BYTES) return await Deno.readFile(file);
  throw new Error(`${file} ${isFile ? `has ${size} bytes; expected at most ${MAX_INPUT_BYTES}` : "is not a file"}`);
}

async function readJson(file: string): Promise<unknown> {
  const text = new TextDecoder().decode(await readInput(file));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(
      `${file} is not JSON (${(error as Error).message}): expected numbers in nested lists, or a file named .npy`,
    );
  }
}

async function errors(input: CommandInput): Promise<void> {
  const { client, words: [model, cube], options, print } = input;
  checkOut(options.out);
  const path = `${pathOf(model)}/cubes/${cube}/errors`;
  if (options.out) return await save(input, await client.result(path, typeOf(options.out)));
  const { scores } = await (await client.result(path, TYPES.json)).json() as { scores: Json };
  print(pretty(scores));
}

async function exportResult(input: CommandInput): Promise<void> {
  const { client, words: [model, cube, result], options } = input;
  if (!options.out) throw new Error("No file was given; expected --out FILE.h5, .npz, .npy, .csv or .json");
  checkOut(options.out);
  await save(input, await client.result(`${pathOf(model)}/cubes/${cube}/${result}`, typeOf(options.out)));
}

async function saveModel(input: CommandInput, form: "weights" | "onnx" | "archive", ending: string): Promise<void> {
  if (!input.options.out) throw new Error(`No file was given; expected --out FILE.${ending}`);
  await save(input, await input.client.request(`${pathOf(input.words[0])}/${form}`));
}

async function saveCube(input: CommandInput, what: "values" | "file"): Promise<void> {
  const { client, words: [cube], options: { out } } = input;
  if (!out) throw new Error("No file was given; expected --out FILE");
  const type = TYPES[endOf(out)] ?? "";
  if (what === "values" && !/hdf5|np[yz]/.test(type)) {
    throw new Error(`--out: received ${out}; expected a name that ends in .h5, .npz or .npy`);
  }
  const headers: Record<string, string> = what === "values" ? { Accept: type } : {};
  await save(input, await client.request(`/v1/cubes/${encodeURIComponent(cube)}/${what}`, { headers }));
}

async function importArchive({ client, words: [file], options, print }: CommandInput): Promise<void> {
  const query = options.name === undefined ? "" : `?name=${encodeURIComponent(options.name)}`;
  const init = { method: "POST", body: await Deno.readFile(file), headers: { "Content-Type": "application/zip" } };
  const { name, version } = await (await client.request(`/v1/models${query}`, init)).json() as Json;
  print(`${name}@${version}`);
}

async function save({ options, print }: CommandInput, answer: Response): Promise<void> {
  if (!options.out) return print(await answer.text());
  await Deno.writeFile(options.out, answer.body!);
  print(`${options.out}: ${(await Deno.stat(options.out)).size} bytes`);
}

/** Said before anything is computed. */
function checkOut(out: string | undefined): void {
  if (out === undefined || TYPES[endOf(out)]) return;
  throw new Error(`--out: received ${out}; expected a name that ends in .h5, .npz, .npy, .csv or .json`);
}

function endOf(file: string): string {
  return file.slice(file.lastIndexOf(".") + 1);
}

function typeOf(out: string | undefined): string {
  return TYPES[endOf(out ?? ".json")];
}

function pathOf(model: string): string {
  const [name, version = "latest"] = model.split("@");
  return `/v1/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}`;
}

function pretty(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}
