import { unprocessable } from "../../base/errors.ts";
import type { ModelManifest, Standardiser } from "../../schemas/model.ts";
import type { LoadedModel } from "../artifact/artifact.ts";
import { addNetwork, addReshape } from "./layer_nodes.ts";
import { OnnxGraph } from "./onnx_graph.ts";
import { ProtobufMessage } from "./protobuf_message.ts";

/** What every runtime of the last years takes. */
const [IR_VERSION, OPSET] = [8, 17];
/** Protobuf's own limit. */
const MOST_BYTES = 2 ** 31 - 1;

/** What the file says of itself beside the manifest. */
export interface OnnxOrigin {
  /** Version of this program. */
  producerVersion: string;
  /** Name or SPDX id. */
  licence: string;
}

/**
 * A model as an ONNX file, in pieces: input `x` (N x window x window or N x points), outputs `y` and `latent`, and `spread` of
 * an ensemble, all in physical units, since the scaler is inside. `y` is the mean of an ensemble and `latent` that of its
 * first member, as everywhere else. Throws `onnx_too_large` beyond 2 GiB.
 */
export function writeOnnx(loaded: LoadedModel, origin: OnnxOrigin): Uint8Array<ArrayBuffer>[] {
  const { manifest } = loaded;
  const model = new ProtobufMessage().int(1, IR_VERSION).text(2, "loopscope").text(3, origin.producerVersion);
  model.int(5, manifest.version).text(6, describe(manifest));
  model.message(7, graphOf(loaded).toMessage(manifest.name));
  model.message(8, new ProtobufMessage().text(1, "").int(2, OPSET));
  for (const [key, value] of Object.entries(metadataOf(manifest, origin))) {
    model.message(14, new ProtobufMessage().text(1, key).text(2, value));
  }
  if (model.length > MOST_BYTES) {
    const message = `Model as ONNX has ${model.length} bytes; expected at most ${MOST_BYTES}`;
    throw unprocessable("onnx_too_large", message);
  }
  return model.pieces;
}

function graphOf({ manifest, network, state, members }: LoadedModel): OnnxGraph {
  const { input, output } = manifest.scaler;
  const { direction, window, points, latent } = manifest.network;
  const sides = { image: [window, window], spectrum: [points] };
  const [from, to] = direction === "im2spec" ? [sides.image, sides.spectrum] : [sides.spectrum, sides.image];
  const graph = new OnnxGraph();
  graph.input("x", ["N", ...from], direction === "im2spec" ? "image patches" : "spectra");
  const standardised = addStandardise(graph, input);
  const all = [state, ...members].map((member, i) => {
    const prefix = i === 0 ? "" : `member${i}/`;
    return addNetwork(graph, { network, state: member, prefix: `net/${prefix}`, input: standardised });
  });
  const mean = all.length === 1 ? all[0].y : graph.node("Mean", all.map(({ y }) => y), "mean");
  addScaled(graph, addReshape(graph, mean, "y_standardised", to), "y", output);
  graph.output("y", ["N", ...to], direction === "im2spec" ? "spectra" : "image patches");
  graph.node("Identity", [all[0].latent], "latent");
  graph.output("latent", ["N", latent], "latent variables of the first member");
  if (all.length > 1) {
    const spread = addDeviation(graph, all.map(({ y }) => y), mean);
    const factor = manifest.spreadFactor ?? 1;
    const width = { mean: 0, std: scaleBy(output.std, factor) };
    addScaled(graph, addReshape(graph, spread, "spread_standardised", to), "spread", width);
    graph.output("spread", ["N", ...to], "half-width of the calibrated 90 % band");
  }
  return graph;
}

/** `(x - mean) / std`. The mean is subtracted in two parts, since one float32 would cost digits where it is large. */
function addStandardise(graph: OnnxGraph, { mean, std }: Standardiser): string {
  const means = Float64Array.from(listOf(mean));
  const upper = Float32Array.from(means);
  const lower = Float32Array.from(means, (value, i) => value - upper[i]);
  const shape = shapeOf(mean);
  const first = graph.node("Sub", ["x", graph.floats("x_mean", shape, upper)], "x_upper");
  const centred = graph.node("Sub", [first, graph.floats("x_mean_rest", shape, lower)], "x_centred");
  const deviation = graph.floats("x_std", shapeOf(std), Float32Array.from(listOf(std)));
  return graph.node("Div", [centred, deviation], "x_standardised");
}

/** `values * std + mean` */
function addScaled(graph: OnnxGraph, values: string, name: string, { mean, std }: Standardiser): void {
  const deviation = graph.floats(`${name}_std`, shapeOf(std), Float32Array.from(listOf(std)));
  const scaled = graph.node("Mul", [values, deviation], `${name}_scaled`);
  const centre = graph.floats(`${name}_mean`, shapeOf(mean), Float32Array.from(listOf(mean)));
  graph.node("Add", [scaled, centre], name);
}

/** Standard deviation of the members' outputs. */
function addDeviation(graph: OnnxGraph, outputs: readonly string[], mean: string): string {
  const squares = outputs.map((output, i) => {
    const difference = graph.node("Sub", [output, mean], `difference${i}`);
    return graph.node("Mul", [difference, difference], `square${i}`);
  });
  const sum = graph.node("Sum", squares, "squares");
  const count = graph.floats("members_less_one", [], Float32Array.of(outputs.length - 1));
  return graph.node("Sqrt", [graph.node("Div", [sum, count], "variance")], "deviation");
}

function listOf(moment: number | number[]): number[] {
  return typeof moment === "number" ? [moment] : moment;
}

function shapeOf(moment: number | number[]): number[] {
  return typeof moment === "number" ? [] : [moment.length];
}

function scaleBy(moment: number | number[], factor: number): number | number[] {
  return typeof moment === "number" ? moment * factor : moment.map((value) => value * factor);
}

function describe({ name, version, network, notes = "" }: ModelManifest): string {
  const about = `${name}, version ${version}: ${network.direction} through ${network.latent} latent variables.`;
  return `${about} Values in and out are in physical units. ${notes}`.trim();
}

/** Texts, as ONNX has it; lists and objects as JSON. */
function metadataOf(manifest: ModelManifest, { licence }: OnnxOrigin): Record<string, string> {
  const { name, version, createdAt, network, axis, quantity, unit, image, training } = manifest;
  const all = {
    ...{ name, version, licence, created_at: createdAt, direction: network.direction },
    ...{ window: network.window, points: network.points, latent: network.latent },
    ...{ axis, quantity, unit, image, training_cube_sha256: training?.cubeSha256 },
  };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    given.map(([key, value]) => [key, typeof value === "object" ? JSON.stringify(value) : String(value)]),
  );
}
