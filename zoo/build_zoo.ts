/**
 * Trains the models that ship with the service and writes their artifacts: `deno task zoo [--rescore] [NAME[@VERSION]…]`. The
 * measured film is read from ../shared/data (public, see the card); without that folder its models are left as they are.
 * `--rescore` keeps the weights and rewrites scores, check and card, for when only the evaluation has changed.
 */
import { systemClock, toTimestamp } from "../lib/base/clock.ts";
import type { Engine } from "../lib/compute/engine.ts";
import { openReferenceEngine } from "../lib/compute/reference/reference_engine.ts";
import { openWasmEngine } from "../lib/compute/wasm/wasm_engine.ts";
import { demoCube } from "../lib/cube/demo_cube.ts";
import { writeNsid } from "../lib/formats/hdf5/dialects/write_nsid.ts";
import { ingestCube } from "../lib/jobs/ingest/ingest_cube.ts";
import { ingestOptionsSchema } from "../lib/schemas/cube.ts";
import { trainRequestSchema } from "../lib/schemas/job.ts";
import { withRecipeDefaults } from "../lib/schemas/recipe.ts";
import { openCubeFile } from "../lib/store/cube_files/cube_file.ts";
import { readModelFiles } from "../lib/jobs/processes/read_model_files.ts";
import { loadModel, type ModelFiles, type TrainedModel, writeArtifact } from "../lib/training/artifact/artifact.ts";
import { chosenRidge } from "../lib/training/baselines/baselines.ts";
import { sha256Hex } from "../lib/training/artifact/sha256.ts";
import { finishTraining } from "../lib/training/finish_training.ts";
import { baselinesOf, type TrainInput, trainModel } from "../lib/training/train.ts";
import { buildTrainingData } from "../lib/training/training_data.ts";
import { sumsOfZoo } from "./write_sums.ts";

const ZOO = new URL("./", import.meta.url);
const MEASURED = new URL("../../shared/data/pto_beps_nsid.h5", import.meta.url);

interface ZooModel {
  name: string;
  version: number;
  direction: "im2spec" | "spec2im";
  source: "film" | "pto";
  /** What the request says besides; the rest is its recipe's default. */
  options: Record<string, unknown>;
}

const ROBUST = { recipe: "robust", latent: 10, validation: "sides" };

const MODELS: ZooModel[] = [
  { name: "simulated-film-im2spec", version: 1, direction: "im2spec", source: "film", options: { epochs: 100 } },
  { name: "simulated-film-spec2im", version: 1, direction: "spec2im", source: "film", options: { epochs: 100 } },
  { name: "pto-beps-im2spec", version: 1, direction: "im2spec", source: "pto", options: { epochs: 60 } },
  { name: "pto-beps-spec2im", version: 1, direction: "spec2im", source: "pto", options: { epochs: 60 } },
  { name: "pto-beps-im2spec", version: 2, direction: "im2spec", source: "pto", options: ROBUST },
  { name: "pto-beps-spec2im", version: 2, direction: "spec2im", source: "pto", options: ROBUST },
];

const NOTES = {
  film:
    "Simulated ferroelectric film with a and c domains (60 x 60 pixels, 64 bias steps, noise of 5 % of the saturation " +
    "response; `lib/cube/demo_cube.ts`, MIT as this project). What a pixel does follows from its distance to the nearest " +
    "domain wall and its side, so the relation between image and loop exists by construction; the model shows the method, " +
    "not a material.",
  pto:
    "Band-excitation switching spectroscopy of a PbTiO3 film, out-of-field piezoresponse after a fit of the oscillator " +
    "(50 x 50 pixels over 2 um, 64 bias steps 0 to 8.5 to -8.5 to 0 V). Public: `data/AFM/BEPS_PTO_50x50.h5` of " +
    "pycroscopy/DTMicroscope, MIT licence. About 7 % of the values are failed fits up to a thousand times the signal; they " +
    "were repaired first (further than 8 robust standard deviations from their step's median: median of the good " +
    "neighbours). Test pixels are a strip of 4 columns, so the intervals are wide.",
};

async function openCube(source: ZooModel["source"], folder: string) {
  const file = source === "pto" ? MEASURED.pathname : `${folder}/film.h5`;
  if (source === "film") await Deno.writeFile(file, await writeNsid(demoCube().cube));
  const cubeFolder = await Deno.makeTempDir({ dir: folder });
  const { health } = await ingestCube({ file, folder: cubeFolder, options: ingestOptionsSchema.parse({}) });
  console.log(source, JSON.stringify(health));
  return { cube: openCubeFile(cubeFolder), cubeSha256: await sha256Hex(await Deno.readFile(file)) };
}

async function build(model: ZooModel, engine: Engine, folder: string, rescored: boolean): Promise<ModelFiles> {
  const { cube, cubeSha256 } = await openCube(model.source, folder);
  const { direction, source, name, options } = model;
  const body = { kind: "train", direction, cube: source, saveAs: name, notes: NOTES[source], ...options };
  const request = trainRequestSchema.parse(withRecipeDefaults(body));
  const cubeName = model.source === "pto" ? "BEPS_PTO_50x50" : "Simulated ferroelectric film";
  const signal = new AbortController().signal;
  const input = { cube, request, cubeName, cubeSha256, engine, signal, nowMs: () => performance.now() };
  const trained = rescored ? await rescore(model, input) : await train(model.name, input);
  cube.close();
  console.log(model.name, JSON.stringify(trained.manifest.scores?.test), trained.manifest.scores?.verdict);
  // The last epoch's weights are left out of the repository: the best epoch's are what predicts.
  const identity = { name: model.name, version: model.version, createdAt: toTimestamp(systemClock.nowMs()) };
  return await writeArtifact({ ...trained, last: undefined }, identity);
}

async function train(name: string, input: TrainInput): Promise<TrainedModel> {
  const training = trainModel(input);
  for (;;) {
    const { done, value } = await training.next();
    if (done) return value;
    if (value.kind === "epoch") logEpoch(name, value);
  }
}

/** The shipped weights evaluated again, as if their training had just ended; of the published recipe only. */
async function rescore({ name, version }: ZooModel, input: TrainInput): Promise<TrainedModel> {
  const { manifest, network, state } = await loadModel(await readModelFiles(new URL(`${name}/${version}/`, ZOO)));
  const { training, scaler } = manifest;
  if (!training || training.cubeSha256 !== input.cubeSha256) console.log(`${name}: was trained on another file`);
  const history = training!.history;
  const best = { network: state, epoch: training!.bestEpoch, guardLoss: NaN };
  const data = buildTrainingData(input.cube, input.request, { scaler, seen: [] });
  const { window } = input.request;
  const pause = () => Promise.resolve();
  const ridge = await chosenRidge(data.train, { cols: data.cols, window, pause });
  const trained = await finishTraining({
    ...input,
    cubes: [input],
    request: { ...input.request, epochs: training!.epochs },
  }, {
    network,
    data,
    baselines: baselinesOf(input, data, ridge),
    done: [{ epoch: training!.epochs, history, best, last: state }],
    seconds: () => training!.seconds,
  });
  const { engine, device } = training!;
  return { ...trained, manifest: { ...trained.manifest, training: { ...trained.manifest.training!, engine, device } } };
}

function logEpoch(name: string, event: { epoch: number; epochs: number; trainLoss: number; testLoss: number }): void {
  if (event.epoch % 10 > 0) return;
  const losses = `train ${event.trainLoss.toFixed(4)}, test ${event.testLoss.toFixed(4)}`;
  console.log(`${name}: epoch ${event.epoch} of ${event.epochs}, ${losses}`);
}

async function write({ name, version }: ZooModel, files: ModelFiles): Promise<void> {
  // A model that does not pass its own check on the oracle does not ship.
  await loadModel(files, openReferenceEngine());
  const folder = new URL(`${name}/${version}/`, ZOO);
  await Deno.mkdir(folder, { recursive: true });
  for (const [file, bytes] of files) await Deno.writeFile(new URL(file, folder), bytes);
}

const names = Deno.args.filter((arg) => !arg.startsWith("--"));
const rescored = Deno.args.includes("--rescore");
const named = (model: ZooModel) => [model.name, `${model.name}@${model.version}`].some((name) => names.includes(name));
const wanted = MODELS.filter((model) =>
  (names.length === 0 || named(model)) && !(rescored && model.options.recipe === "robust")
);
const engine = await openWasmEngine({ threads: Math.min(2, navigator.hardwareConcurrency) });
const folder = await Deno.makeTempDir();
try {
  for (const model of wanted) {
    if (model.source === "pto" && !await exists(MEASURED)) {
      console.log(`${model.name}: left as it is, ${MEASURED.pathname} is absent`);
    } else await write(model, await build(model, engine, folder, rescored));
  }
} finally {
  await Deno.writeTextFile(new URL("SHA256SUMS", ZOO), await sumsOfZoo());
  await engine.close();
  await Deno.remove(folder, { recursive: true });
}

async function exists(file: URL): Promise<boolean> {
  return await Deno.stat(file).then(() => true, () => false);
}
