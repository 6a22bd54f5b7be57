/**
 * The quality that training must reach, measured: `deno run -A tests/bench/train_quality.ts [pto|film|ensemble …] [SEED …]`.
 * Held-out r2 on the real cube beside PyTorch's on the same repaired data and split (where Python with torch is there),
 * separation of the domains by the latents, and coverage of an ensemble's 90 % band on the simulated film.
 */
import type { Engine } from "../../lib/compute/engine.ts";
import { openWasmEngine } from "../../lib/compute/wasm/wasm_engine.ts";
import { adjustedRand } from "../../lib/analysis/adjusted_rand.ts";
import { fitGmm } from "../../lib/analysis/gmm.ts";
import type { CubeReader } from "../../lib/cube/cube.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { ingestCube } from "../../lib/jobs/ingest/ingest_cube.ts";
import { ingestOptionsSchema } from "../../lib/schemas/cube.ts";
import { type TrainRequest, trainRequestSchema } from "../../lib/schemas/job.ts";
import { openCubeFile } from "../../lib/store/cube_files/cube_file.ts";
import { applyModel } from "../../lib/training/inference/apply.ts";
import { loadModel, type TrainedModel, writeArtifact } from "../../lib/training/artifact/artifact.ts";
import { openModel } from "../../lib/training/inference/predict.ts";
import { trainModel } from "../../lib/training/train.ts";

const SHARED = new URL("../../../shared/", import.meta.url).pathname;
const NUMBERS = Deno.args.map(Number).filter(Number.isInteger);
const SEEDS = NUMBERS.length > 0 ? NUMBERS : [1, 2, 3];
const PYTHON = "/usr/bin/python3";

async function train(engine: Engine, cube: CubeReader, change: Partial<TrainRequest>): Promise<TrainedModel> {
  const request = trainRequestSchema.parse({
    ...{ kind: "train", direction: "im2spec", cube: "bench", epochs: 60, saveAs: "bench" },
    ...change,
  });
  const signal = new AbortController().signal;
  const rest = { cubeSha256: "0".repeat(64), cubeName: "bench", engine, signal, nowMs: () => performance.now() };
  const events = trainModel({ cube, request, ...rest });
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value;
  }
}

async function measuredCube(): Promise<CubeReader> {
  const folder = await Deno.makeTempDir();
  const file = `${SHARED}data/pto_beps_nsid.h5`;
  const { health } = await ingestCube({ file, folder, options: ingestOptionsSchema.parse({}) });
  report({ cube: "pto_beps_nsid.h5", health });
  return openCubeFile(folder);
}

async function comparePto(engine: Engine): Promise<void> {
  const cube = await measuredCube();
  const values = cube.readBlock({ row: 0, col: 0, rows: cube.shape[0], cols: cube.shape[1] });
  const file = await Deno.makeTempFile({ suffix: ".npy" });
  await Deno.writeFile(file, npy(values, cube.shape));
  for (const direction of ["im2spec", "spec2im"] as const) {
    const ours: number[] = [];
    for (const seed of SEEDS) {
      const { manifest } = await train(engine, cube, { direction, seed });
      const { training, scores } = manifest;
      ours.push(scores!.test.r2!);
      report({ direction, seed, r2: scores!.test.r2, bestEpoch: training!.bestEpoch, seconds: training!.seconds });
      if (seed === SEEDS[0]) report({ baselines: scores!.baselines, verdict: scores!.verdict });
    }
    const peers = await torchScores(file, direction);
    report({ direction, meanR2: mean(ours), torchMeanR2: peers && mean(peers), torch: peers ?? "not there" });
  }
}

async function torchScores(file: string, direction: string): Promise<number[] | undefined> {
  const script = new URL("./torch_train.py", import.meta.url).pathname;
  const args = [script, "--cube", file, "--peers", `${SHARED}peers`, "--direction", direction];
  const command = new Deno.Command(PYTHON, { args: [...args, "--seeds", ...SEEDS.map(String)] });
  const result = await command.output().catch(() => undefined);
  if (!result?.success) return undefined;
  const lines = new TextDecoder().decode(result.stdout).trim().split("\n");
  return lines.map((line) => JSON.parse(line).bestR2);
}

async function domainsFromLatents(engine: Engine): Promise<void> {
  for (const seed of SEEDS) {
    const { cube, truth } = simulateFilm({ seed: 2020 + seed });
    const trained = await train(engine, cube, { seed });
    const files = await writeArtifact(trained, { name: "bench", version: 1, createdAt: new Date().toISOString() });
    const model = await openModel(engine, await loadModel(files));
    const applied = await applyModel(cube, model);
    await model.close();
    const pixels = applied.rows * applied.cols;
    const { labels_N } = fitGmm(applied.latent_HWL, 2, { components: 2, seed: 1 });
    const domain_N = Array.from(
      { length: pixels },
      (_, n) =>
        truth
          .domain_HW[(applied.row0 + Math.floor(n / applied.cols)) * cube.shape[1] + applied.col0 + n % applied.cols],
    );
    report({ film: seed, r2: trained.manifest.scores!.test.r2, adjustedRand: adjustedRand(labels_N, domain_N) });
  }
}

async function coverage(engine: Engine): Promise<void> {
  for (const seed of SEEDS) {
    const { cube } = simulateFilm({ seed: 3030 + seed });
    const { manifest } = await train(engine, cube, { seed, members: 5, epochs: 40, filters: 16 });
    report({
      ensemble: seed,
      factor: manifest.spreadFactor,
      coverage: manifest.scores!.coverage,
      r2: manifest.scores!.test.r2,
    });
  }
}

function npy(values: Float32Array, shape: readonly number[]): Uint8Array {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`;
  const padded = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + "\n";
  const head = new Uint8Array([
    0x93,
    ...new TextEncoder().encode("NUMPY"),
    1,
    0,
    padded.length & 255,
    padded.length >> 8,
  ]);
  return new Uint8Array([...head, ...new TextEncoder().encode(padded), ...new Uint8Array(values.buffer)]);
}

function mean(values: number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}

function report(line: Record<string, unknown>): void {
  console.log(JSON.stringify(line));
}

const parts = { pto: comparePto, film: domainsFromLatents, ensemble: coverage };
const engine = await openWasmEngine({ threads: 2 });
for (const [name, run] of Object.entries(parts)) {
  if (NUMBERS.length === Deno.args.length || Deno.args.includes(name)) await run(engine);
}
await engine.close();
