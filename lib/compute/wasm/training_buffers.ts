import { sizeOf } from "../../base/nd_array.ts";
import { groupsOf, partCount, slabFloats } from "./conv_commands.ts";
import type { Arena } from "./shared_heap.ts";
import type { Stage, WasmModel } from "./wasm_model.ts";

/** Steps that one call into the kernels takes at most. */
export const STEPS_PER_CALL = 64;

/** What one stage leaves behind on the way forward for the way back. */
export interface StageBuffers {
  readonly activation: number;
  /** Four rows: scale, shift, mean, 1 / std. */
  readonly moments: number;
}

/** Addresses of a training step's memory, enough for `samples` samples. */
export interface TrainingBuffers {
  readonly samples: number;
  readonly input: number;
  readonly target: number;
  readonly output: number;
  readonly outputGradient: number;
  readonly latent: number;
  readonly latentGradient: number;
  /** Output of the decoder's dense layer. */
  readonly grid: number;
  readonly total: number;
  readonly totalGradient: number;
  /** Gradients of activations, in turn. */
  readonly gradients: readonly [number, number];
  /** Three rows: alpha, beta, gamma (kernels/winograd.ts, convolutionGradient). */
  readonly coefficients: number;
  readonly normSums: number;
  readonly biasSums: number;
  readonly imageSums: number;
  readonly lossSums: number;
  /** Weight gradients at the points (conv_commands.ts). */
  readonly slabs: number;
  readonly stages: ReadonlyMap<Stage, StageBuffers>;
  /** For the steps of one call: sample indices, four factors (optimiser.ts), losses. */
  readonly indices: number;
  readonly adamTable: number;
  readonly losses: number;
}

export function allocateTraining(model: WasmModel, arena: Arena, samples: number): TrainingBuffers {
  const { network, channels } = model;
  const all = [...model.encoder, ...model.decoder];
  const input = samples * sizeOf(network.inputShape), output = samples * sizeOf(network.outputShape);
  const activation = samples * Math.max(...all.map((stage) => stage.pixels)) * channels;
  const parts = Math.max(samples, ...all.map((stage) => partCount(stage.tilesBack, samples, channels)));
  const latent = samples * network.options.latent;
  const groups = Math.max(samples, ...all.map((stage) => groupsOf(stage.tiles, samples)));
  return {
    samples,
    input: arena.floats(input),
    target: arena.floats(output),
    output: arena.floats(output),
    outputGradient: arena.floats(output),
    latent: arena.floats(latent),
    latentGradient: arena.floats(latent),
    grid: arena.floats(samples * model.densePixels("out") * channels),
    total: arena.floats(activation),
    totalGradient: arena.floats(activation),
    gradients: [arena.floats(activation), arena.floats(activation)],
    coefficients: arena.floats(3 * channels),
    normSums: arena.floats(parts * 2 * channels),
    biasSums: arena.floats(groups * channels),
    imageSums: arena.floats(samples * 10 * channels),
    lossSums: arena.bytes(samples * 24),
    slabs: arena.floats(Math.max(...all.map((stage) => slabFloats(stage.tiles, samples, channels)))),
    stages: new Map(all.map((stage) => {
      const width = stage.role === "last" ? 1 : channels;
      return [stage, { activation: arena.floats(samples * stage.pixels * width), moments: arena.floats(4 * width) }];
    })),
    indices: arena.floats(STEPS_PER_CALL * samples),
    adamTable: arena.floats(4 * STEPS_PER_CALL),
    losses: arena.bytes(8 * STEPS_PER_CALL),
  };
}
