import { buildNetwork } from "../../models/build_network.ts";
import type { Network } from "../../models/network.ts";
import type { Engine, Session, SmallCalls } from "./engine.ts";
import { initialState } from "./initial_state.ts";
import { forwardOperations } from "./operations.ts";

/** The paper's network for patches of 8 x 8 and 64 bias steps: what the engines are measured on. */
export const MEASURED_NETWORK = { direction: "im2spec", window: 8, points: 64, latent: 2, filters: 64 } as const;
const SAMPLES = 128;
/** Runs are repeated up to this time, of which the fastest counts. */
const MEASURED_MS = 100;

/**
 * Times one sample and many on the GPU, and many on the CPU; other networks are taken to cost as much an operation.
 * Throws what the engines throw.
 */
export async function measureCrossover(gpu: Engine, cpu: Engine): Promise<SmallCalls> {
  const network = buildNetwork(MEASURED_NETWORK);
  const state = initialState(network, 1);
  const size = MEASURED_NETWORK.window ** 2;
  const input_NI = new Float32Array(SAMPLES * size).fill(0.5);
  const onCpu = await cpu.open(network, state);
  const onGpu = await gpu.open(network, state);
  try {
    const roundTripMs = await fastestMs(onGpu, input_NI.subarray(0, size));
    const gpuMs = Math.max(0, await fastestMs(onGpu, input_NI) - roundTripMs) / (SAMPLES - 1);
    const cpuMs = await fastestMs(onCpu, input_NI) / SAMPLES;
    const savedMsAnOperation = (cpuMs - gpuMs) / forwardOperations(network);
    return { engine: cpu, roundTripMs, crossoverSamples: crossover(roundTripMs, savedMsAnOperation) };
  } finally {
    await onCpu.close();
    await onGpu.close();
  }
}

/** One sample more saves time for each of its operations, once the round trip is paid. */
export function crossover(roundTripMs: number, savedMsAnOperation: number): SmallCalls["crossoverSamples"] {
  return (network: Network, part = "all") => {
    const savedMs = forwardOperations(network, part) * savedMsAnOperation;
    return savedMs > 0 ? Math.max(1, Math.ceil(roundTripMs / savedMs)) : Infinity;
  };
}

/** The first run, which also compiles, does not count. */
async function fastestMs(session: Session, input_NI: Float32Array): Promise<number> {
  let [bestMs, spentMs] = [Infinity, 0];
  await session.predict(input_NI);
  while (spentMs < MEASURED_MS) {
    const startedMs = performance.now();
    await session.predict(input_NI);
    const ms = performance.now() - startedMs;
    bestMs = Math.min(bestMs, ms);
    spentMs += ms;
  }
  return bestMs;
}
