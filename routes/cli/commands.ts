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
  usage: string;
  /** Words that must be there. */
  words: number;
  run(input: CommandInput): Promise<void>;
}

const TYPES: Record<string, string> = { npy: "application/x-npy", npz: "application/x-npz", json: "application/json" };

/** Every command by name. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  system: {
    usage: "system",
    words: 0,
    run: async ({ client, print }) => print(pretty(await client.get("/v1/system"))),
  },
  cubes: { usage: "cubes", words: 0, run: listCubes },
  upload: { usage: "upload FILE [--name N] [--dataset PATH] [--channel C] [--repair off]", words: 1, run: upload },
  train: {
    usage:
      "train CUBE SAVE_AS [--direction im2spec|spec2im] [--window 8] [--latent 2] [--epochs 100] [--region ROW,COL,ROWS,COLS] …",
    words: 2,
    run: train,
  },
  watch: { usage: "watch JOB", words: 1, run: watch },
  models: { usage: "models", words: 0, run: listModels },
  card: { usage: "card NAME[@VERSION]", words: 1, run: showCard },
  predict: { usage: "predict NAME[@VERSION] INPUT.npy|INPUT.json [--out FILE.npy|.npz|.json]", words: 2, run: predict },
  errors: { usage: "errors NAME[@VERSION] CUBE [--out FILE.npz|.npy|.json]", words: 2, run: errors },
  export: {
    usage:
      "export NAME[@VERSION] CUBE RESULT --out FILE   (RESULT: predictions, latents, gmm?components=4, manifold, loops, …)",
    words: 3,
    run: exportResult,
  },
  weights: { usage: "weights NAME[@VERSION] --out FILE.safetensors", words: 1, run: saveWeights },
};

async function listCubes({ client, print }: CommandInput): Promise<void> {
  const { items } = await client.get("/v1/cubes?limit=500") as { items: Json[] };
  for (const { id, name, shape, format } of items) {
    print(`${id}  ${(shape as number[]).join(" x ")}  ${format}  ${name}`);
  }
}

async function upload({ client, words: [file], options, print }: CommandInput): Promise<void> {
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

const NUMBERS = ["window", "latent", "filters", "epochs", "batchSize", "learningRate", "seed", "imageAt", "members"];

async function train(input: CommandInput): Promise<void> {
  const { client, words: [cube, saveAs], options } = input;
  const request: Json = { kind: "train", direction: "im2spec", cube, saveAs };
  for (const [name, text] of Object.entries(options)) request[name] = NUMBERS.includes(name) ? Number(text) : text;
  if (options.region) {
    const [row, col, rows, cols] = options.region.split(",").map(Number);
    request.region = { row, col, rows, cols };
  }
  const { id } = await client.post("/v1/jobs", request);
  input.print(String(id));
  await watch({ ...input, words: [String(id)] });
}

async function watch({ client, words: [job], print, write, isTerminal }: CommandInput): Promise<void> {
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
  const { items } = await client.get("/v1/models?limit=500") as { items: Json[] };
  for (const { name, versions, direction, aliases, readOnly } of items) {
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
  print(await (await client.request(`${pathOf(model)}/card`)).text());
}

async function predict(input: CommandInput): Promise<void> {
  const { client, words: [model, file], options } = input;
  const bytes = await Deno.readFile(file);
  const isNpy = file.endsWith(".npy");
  const body = isNpy ? bytes : JSON.stringify({ inputs: JSON.parse(new TextDecoder().decode(bytes)) });
  const headers = { "Content-Type": isNpy ? TYPES.npy : TYPES.json, Accept: typeOf(options.out) };
  await save(input, await client.request(`${pathOf(model)}/predict`, { method: "POST", body, headers }));
}

async function errors(input: CommandInput): Promise<void> {
  const { client, words: [model, cube], options, print } = input;
  const path = `${pathOf(model)}/cubes/${cube}/errors`;
  if (options.out) return await save(input, await client.result(path, typeOf(options.out)));
  const { scores } = await (await client.result(path, TYPES.json)).json() as { scores: Json };
  print(pretty(scores));
}

async function exportResult(input: CommandInput): Promise<void> {
  const { client, words: [model, cube, result], options } = input;
  await save(input, await client.result(`${pathOf(model)}/cubes/${cube}/${result}`, typeOf(options.out)));
}

async function saveWeights(input: CommandInput): Promise<void> {
  await save(input, await input.client.request(`${pathOf(input.words[0])}/weights`));
}

async function save({ options, print }: CommandInput, answer: Response): Promise<void> {
  if (!options.out) return print(await answer.text());
  await Deno.writeFile(options.out, answer.body!);
  print(`${options.out}: ${(await Deno.stat(options.out)).size} bytes`);
}

function typeOf(out: string | undefined): string {
  return TYPES[out?.slice(out.lastIndexOf(".") + 1) ?? "json"] ?? TYPES.json;
}

function pathOf(model: string): string {
  const [name, version = "latest"] = model.split("@");
  return `/v1/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}`;
}

function pretty(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}
