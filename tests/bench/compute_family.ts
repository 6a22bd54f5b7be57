import { forwardOperations } from "../../lib/compute/operations.ts";
import { buildNetwork } from "../../models/build_network.ts";
import type { Direction } from "../../models/network.ts";
import { SHARED } from "../support/shared.ts";
import type { BenchOptions, Family, Round } from "./family.ts";
import { explainGpuWork } from "./gpu_work.ts";
import { runJson } from "./run_json.ts";

/** The paper's networks, as ../shared/peers/bench_torch.py has them. */
export const SPECTRUM = 64;
export const MINI_BATCH = 64;
export const MAP_SIDE = 60;
export const DIRECTIONS: readonly Direction[] = ["im2spec", "spec2im"];

export function benchNetwork(direction: Direction, window: number) {
  return buildNetwork({ direction, window, points: SPECTRUM, latent: 2, filters: 64 });
}

/**
 * Training steps, whole maps and single inputs against PyTorch on the same cores; with `webgpu` against PyTorch with CUDA
 * in the best of its modes. There `train` is a step of 64 that are queued, `wait` one that is waited for.
 */
export const computeFamily: Family = {
  title: "compute against PyTorch",
  goals: {
    "train im2spec 8": 1,
    "train im2spec 16": 1,
    "train spec2im 8": 1,
    "train spec2im 16": 1,
    "map im2spec 8": 1.2,
    "map im2spec 16": 3,
    "map spec2im 8": 1.2,
    "map spec2im 16": 1.2,
    "one im2spec 8": 1.5,
    "one im2spec 16": 1.5,
    "one spec2im 8": 1.5,
    "one spec2im 16": 1.5,
  },
  operations,
  explain: async (options) => options.engine === "webgpu" ? await explainGpuWork(options) : undefined,
  ours: oursRound,
  peer: peerRound,
};

async function oursRound({ engine, threads, windows, seconds }: BenchOptions): Promise<Round> {
  const script = new URL("compute_round.ts", import.meta.url).pathname;
  const args = ["run", "-q", "-A", "--no-check", script, engine, String(seconds), ...windows.map(String)];
  args.push("--threads", String(threads));
  const rows = await runJson(Deno.execPath(), args);
  return Object.assign({}, ...rows) as Round;
}

/** Undefined without ../shared, or without a Python that has torch (LOOPSCOPE_PYTHON, else /usr/bin/python3). */
async function peerRound({ engine, threads, windows, seconds }: BenchOptions): Promise<Round | undefined> {
  if (!SHARED) return undefined;
  const python = Deno.env.get("LOOPSCOPE_PYTHON") ?? "/usr/bin/python3";
  if (engine === "webgpu") return await cudaRound(python, new URL("peers/bench_torch_gpu.py", SHARED).pathname);
  const script = new URL("peers/bench_torch.py", SHARED).pathname;
  const args = [
    script,
    "--threads",
    String(threads),
    "--seconds",
    String(seconds),
    "--windows",
    ...windows.map(String),
  ];
  const rows = await runJson(python, args).catch(() => []);
  if (rows.length === 0) return undefined;
  return Object.fromEntries(rows.flatMap(({ kind, window, train_ms, map_s, one_ms }) => [
    [`train ${kind} ${window}`, train_ms as number],
    [`map ${kind} ${window}`, 1000 * (map_s as number)],
    [`one ${kind} ${window}`, one_ms as number],
  ]));
}

/** The best of PyTorch's modes, case by case; undefined without CUDA. */
async function cudaRound(python: string, script: string): Promise<Round | undefined> {
  const rows = await runJson(python, [script, "eager", "graph", "compile"]).catch(() => []);
  if (rows.length === 0) return undefined;
  const best: Round = {};
  for (const { kind, window, train_ms_of64, train1_ms, map_ms, one_ms } of rows) {
    for (const [work, ms] of Object.entries({ train: train_ms_of64, wait: train1_ms, map: map_ms, one: one_ms })) {
      const name = `${work} ${kind} ${window}`;
      if (ms !== undefined) best[name] = Math.min(best[name] ?? Infinity, ms as number);
    }
  }
  return best;
}

/** Multiplications and additions of direct convolutions and dense layers; training counts three times the forward pass. */
function operations(name: string): number {
  const [work, direction, window] = name.split(" ");
  const network = benchNetwork(direction as Direction, Number(window));
  const forward = forwardOperations(network);
  if (work === "train" || work === "wait") return 3 * MINI_BATCH * forward;
  return work === "map" ? (MAP_SIDE - Number(window) + 1) ** 2 * forward : forward;
}
