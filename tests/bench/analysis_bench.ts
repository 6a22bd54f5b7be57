import { fitGmm } from "../../lib/analysis/gmm.ts";
import { loopParameters } from "../../lib/analysis/loop_parameters.ts";
import { pca } from "../../lib/analysis/pca.ts";
import { fitShos } from "../../lib/analysis/sho_fit.ts";
import { sourceOf } from "../../lib/analysis/spectra_source.ts";
import { createRandom } from "../../lib/base/random.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { SHARED } from "../support/shared.ts";
import { PTO_BEPS, readDataset } from "../analysis/golden.ts";
import type { Family, Round } from "./family.ts";
import { runJson } from "./run_json.ts";

const LOOPS = 2500, POINTS = 64;

/** Cases, their script names, and how many seconds issue 4 allows on two cores. */
const CASES: Record<string, { key: string; goalSeconds: number }> = {
  "loop fits 2500": { key: "loopFits", goalSeconds: 5 },
  "loop metrics 2500": { key: "loopMetrics", goalSeconds: 0.2 },
  "pca 60x60x64": { key: "pca", goalSeconds: 0.1 },
  "gmm 8 of 2500": { key: "gmm", goalSeconds: 1 },
  "sho fits 20000": { key: "shoFits", goalSeconds: 1 },
};

/** Every analysis that has a goal, beside NumPy, SciPy and scikit-learn doing the same. */
export const analysisFamily: Family = {
  title: "analysis against SciPy and scikit-learn",
  goals: { "loop fits 2500": 20 },
  ours: async () => analysisRound(await inputs()),
  peer: async () => peerRound(await inputs()),
};

async function analysisRound(data: Inputs): Promise<Round> {
  const gmm = () => fitGmm(data.points, 2, { components: 8, seed: 1, starts: 10 });
  const sho = () => fitShos({ real_NS: data.real, imaginary_NS: data.imaginary }, data.frequency);
  return {
    "loop fits 2500": await timeOnTwoCores(data.loops, data.voltage),
    "loop metrics 2500": await best(() => loopParameters(data.loops, data.voltage)),
    "pca 60x60x64": await best(() => pca(sourceOf(data.cube, POINTS), { components: 10 })),
    "gmm 8 of 2500": await best(gmm),
    "sho fits 20000": await best(sho),
  };
}

type Inputs = Record<"loops" | "voltage" | "cube" | "points" | "real" | "imaginary" | "frequency", Float64Array>;

/** 2500 measured loops where they are there, else simulated ones; the rest is simulated. */
async function inputs(): Promise<Inputs> {
  const film = simulateFilm({ rows: 60, cols: 60, points: POINTS, seed: 1 }).cube;
  const cube = Float64Array.from(film.readBlock({ row: 0, col: 0, rows: 60, cols: 60 }));
  const measured = SHARED && (await readDataset(SHARED, ...PTO_BEPS)).map((value) => value * 1e5);
  const limit_V = measured ? 8.5 : 8;
  const triangle = (q: number) => q <= 1 ? q : q <= 3 ? 2 - q : q - 4;
  const random = createRandom(1);
  const frequency = Float64Array.from({ length: 80 }, (_, s) => 310e3 + 1e3 * s);
  return {
    loops: measured ?? cube.slice(0, LOOPS * POINTS),
    voltage: Float64Array.from({ length: POINTS }, (_, s) => limit_V * triangle(4 * s / POINTS)),
    cube,
    points: Float64Array.from(
      { length: 2 * LOOPS },
      (_, i) => 3 * ((i >> 1) % 5) * (i % 2 ? 1 : -0.3) + random.normal(),
    ),
    ...oscillators(frequency),
    frequency,
  };
}

function oscillators(frequency: Float64Array) {
  const count = 20000, points = frequency.length, random = createRandom(2);
  const real = new Float64Array(count * points), imaginary = real.slice();
  for (let n = 0, at = 0; n < count; n++) {
    const f0 = 330e3 + 30e3 * random.uniform(), q = 50 + 200 * random.uniform();
    for (const f of frequency) {
      const re = f * f - f0 * f0, im = -f * f0 / q, size = re * re + im * im;
      real[at] = f0 * f0 * re / size + 2 * random.normal();
      imaginary[at++] = -f0 * f0 * im / size + 2 * random.normal();
    }
  }
  return { real, imaginary };
}

/** The fastest of three runs, in milliseconds. */
async function best(run: () => unknown): Promise<number> {
  let least = Infinity;
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    const start = performance.now();
    run();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

/** All loops by two workers, each with one half, started anew as an analysis process would be. */
async function timeOnTwoCores(loops: Float64Array, voltage: Float64Array): Promise<number> {
  const start = performance.now();
  const half = Math.floor(loops.length / POINTS / 2) * POINTS;
  await Promise.all([loops.slice(0, half), loops.slice(half)].map((share) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL("./analysis_bench_worker.ts", import.meta.url), { type: "module" });
      worker.onmessage = () => resolve(worker.terminate());
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage({ loops: share, voltage });
    })
  ));
  return performance.now() - start;
}

/** Undefined where no Python has what the script needs (LOOPSCOPE_PYTHON, else /usr/bin/python3). */
async function peerRound(data: Inputs): Promise<Round | undefined> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, values] of Object.entries(data)) {
      await Deno.writeFile(
        `${folder}/${name}.f64`,
        new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      );
    }
    const python = Deno.env.get("LOOPSCOPE_PYTHON") ?? "/usr/bin/python3";
    const script = new URL("./analysis_peer.py", import.meta.url).pathname;
    const [seconds] = await runJson(python, [script, folder]).catch(() => []);
    if (!seconds) return undefined;
    return Object.fromEntries(Object.entries(CASES).map(([name, { key }]) => [name, 1000 * Number(seconds[key])]));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const ours = await analysisFamily.ours({ engine: "", threads: 2, windows: [], seconds: 0 });
  for (const [name, { goalSeconds }] of Object.entries(CASES)) {
    console.log(`${name.padEnd(20)}${(ours[name] / 1000).toFixed(3).padStart(8)} s, goal ${goalSeconds} s`);
  }
}
