import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import type { NetworkState } from "../../lib/compute/engine.ts";
import { joinBytes } from "../../lib/base/join_bytes.ts";
import { encodeNpz } from "../../lib/formats/numpy/npz.ts";
import { ndArray } from "../../lib/base/nd_array.ts";
import { readModelFiles } from "../../lib/jobs/processes/read_model_files.ts";
import { type LoadedModel, loadModel } from "../../lib/training/artifact/artifact.ts";
import { openModel, predictPhysical } from "../../lib/training/inference/predict.ts";
import { writeOnnx } from "../../lib/training/onnx/write_onnx.ts";
import type { ModelManifest, NetworkOptions, Scaler } from "../../lib/schemas/model.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { assertEquals } from "../support/assert.ts";
import { runPython, testWithPython } from "../support/python.ts";

const ORIGIN = { producerVersion: "0.0.0-test", licence: "MIT" };
/** Of the largest value: float32 arithmetic in another order. */
const TOLERANCE = 1e-5;

/** Checks the file, runs it on the inputs and prints the worst relative difference of each output. */
const PYTHON = `
import sys, json, numpy as np, onnx, onnxruntime as ort
model = onnx.load(sys.argv[1]); onnx.checker.check_model(model, full_check=True)
z = np.load(sys.argv[2])
s = ort.InferenceSession(sys.argv[1])
names = [o.name for o in s.get_outputs()]
got = dict(zip(names, s.run(None, {"x": z["x"]})))
one = dict(zip(names, s.run(None, {"x": z["x"][:1]})))
worst = {n: float(np.abs(got[n].reshape(-1) - z[n].reshape(-1)).max() / np.abs(z[n]).max()) for n in names}
print(json.dumps({"worst": worst, "one": float(np.abs(one["y"] - got["y"][:1]).max() / np.abs(z["y"]).max()),
  "input": [s.get_inputs()[0].name, s.get_inputs()[0].shape], "shapes": {o.name: o.shape for o in s.get_outputs()},
  "meta": s.get_modelmeta().custom_metadata_map, "opset": model.opset_import[0].version}))`;

interface Report {
  worst: Record<string, number>;
  one: number;
  input: [string, (string | number)[]];
  shapes: Record<string, (string | number)[]>;
  meta: Record<string, string>;
}

async function runElsewhere(python: string, loaded: LoadedModel, arrays: Record<string, Float32Array>, count: number) {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/model.onnx`, joinBytes(writeOnnx(loaded, ORIGIN)));
    const shapes = {
      im2spec: [loaded.manifest.network.window, loaded.manifest.network.window],
      spec2im: [loaded.manifest.network.points],
    };
    const shaped = Object.entries(arrays).map(([name, data]) => {
      const shape = name === "x" ? [count, ...shapes[loaded.manifest.network.direction]] : [data.length];
      return [name, ndArray(data, shape)];
    });
    await Deno.writeFile(`${folder}/data.npz`, encodeNpz(Object.fromEntries(shaped)));
    return JSON.parse(await runPython(python, PYTHON, `${folder}/model.onnx`, `${folder}/data.npz`)) as Report;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What this service says of the inputs. */
async function predicted(loaded: LoadedModel, x: Float32Array): Promise<Record<string, Float32Array>> {
  const model = await openModel(openReferenceEngine(), loaded);
  const { latent_NL, output_NO, spread_NO } = await predictPhysical(model, x);
  await model.close();
  return { x, latent: latent_NL, y: output_NO, ...(spread_NO ? { spread: spread_NO } : {}) };
}

function expectClose({ worst, one }: Report): void {
  for (const [name, difference] of Object.entries({ ...worst, one })) {
    if (!(difference <= TOLERANCE)) throw new Error(`${name} differs by ${difference}; expected at most ${TOLERANCE}`);
  }
}

const ZOO = [
  ...["pto-beps-im2spec/1", "pto-beps-spec2im/1", "simulated-film-im2spec/1", "simulated-film-spec2im/1"],
  ...["pto-beps-im2spec/2", "pto-beps-spec2im/2"],
];
for (const path of ZOO) {
  testWithPython(`ONNX runtime gives the check of ${path}`, ["onnx", "onnxruntime"], async (python) => {
    const files = await readModelFiles(new URL(`../../zoo/${path}/`, import.meta.url));
    const loaded = await loadModel(files);
    const check = JSON.parse(new TextDecoder().decode(files.get("check.json")));
    const [x, latent, y] = [check.input, check.latent, check.output].map((values) => Float32Array.from(values));
    // A check is of the first member; an ensemble's answer is the mean.
    const expected = loaded.members.length > 0 ? await predicted(loaded, x) : { x, latent, y };
    const report = await runElsewhere(python, loaded, expected, 1);
    expectClose(report);
    const { window, points, direction } = loaded.manifest.network;
    const [from, to] = direction === "im2spec" ? [[window, window], [points]] : [[points], [window, window]];
    assertEquals([report.input, report.shapes.y], [["x", ["N", ...from]], ["N", ...to]]);
    assertEquals([report.meta.name, report.meta.version, report.meta.licence], [...path.split("/"), "MIT"]);
    assertEquals([JSON.parse(report.meta.axis), report.meta.unit], [loaded.manifest.axis, loaded.manifest.unit]);
  });
}

/** Weights as after a training: running statistics that are not 0 and 1. */
function livelyState(options: NetworkOptions, seed: number): NetworkState {
  const state = initialState(buildNetwork(options), seed);
  for (const [name, { data }] of state) {
    if (name.endsWith("running_mean")) data.forEach((_, i) => data[i] = 0.1 * Math.sin(i + seed));
    if (name.endsWith("running_var")) data.forEach((_, i) => data[i] = 0.5 + 0.3 * Math.cos(i) ** 2);
    if (name.startsWith("linear")) data.forEach((_, i) => data[i] += 0.05 * Math.cos(i + seed));
  }
  return state;
}

const CASES: [NetworkOptions, members: number, Scaler][] = [];
for (const recipe of [undefined, "robust"] as const) {
  for (const direction of ["im2spec", "spec2im"] as const) {
    const options = { recipe, direction, window: 8, points: 20, latent: 3, filters: 4 };
    const steps = Array.from({ length: 20 }, (_, i) => i);
    const perStep = { mean: steps.map((i) => 1e-6 * (1000 + i)), std: steps.map((i) => 1e-9 * (5 + i)) };
    const global = { mean: -3.5e4, std: 12.25 };
    const scaler = direction === "im2spec" ? { input: global, output: perStep } : { input: perStep, output: global };
    CASES.push([options, recipe ? 3 : 1, scaler]);
  }
}

for (const [options, count, scaler] of CASES) {
  const name = `${options.recipe ?? "published"} ${options.direction}, ${count} member${count > 1 ? "s" : ""}`;
  testWithPython(`ONNX runtime predicts as this service: ${name}`, ["onnx", "onnxruntime"], async (python) => {
    const states = Array.from({ length: count }, (_, seed) => livelyState(options, seed + 1));
    const weights = { sha256: "", bytes: 0 };
    const about = {
      name: "made",
      version: 7,
      createdAt: "2026-01-01T00:00:00.000Z",
      network: options,
      scaler,
      weights,
    };
    const manifest: ModelManifest = { ...about, ...(count > 1 ? { spreadFactor: 1.7 } : {}) };
    const [state, ...members] = states;
    const loaded: LoadedModel = { manifest, network: buildNetwork(options), state, members, card: "" };
    const size = options.direction === "im2spec" ? 64 : 20;
    const { mean, std } = scaler.input;
    const of = (moment: number | number[], i: number) => typeof moment === "number" ? moment : moment[i % size];
    const x = Float32Array.from({ length: 5 * size }, (_, i) => of(mean, i) + of(std, i) * Math.sin(1.3 * i));
    expectClose(await runElsewhere(python, loaded, await predicted(loaded, x), 5));
  });
}
