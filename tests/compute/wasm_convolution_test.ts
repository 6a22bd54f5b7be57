import { createRandom } from "../../lib/base/random.ts";
import type { ConvGeometry } from "../../lib/compute/network_units.ts";
import {
  convolveCommands,
  convolveScratch,
  filterCommand,
  groupsOf,
  partCount,
  slabFloats,
  weightCommands,
} from "../../lib/compute/wasm/conv_commands.ts";
import { writeProgram } from "../../lib/compute/wasm/program.ts";
import { Arena } from "../../lib/compute/wasm/shared_heap.ts";
import { ThreadPool } from "../../lib/compute/wasm/thread_pool.ts";
import { planeFloats, tileClasses } from "../../lib/compute/wasm/tile_classes.ts";
import type { Stage } from "../../lib/compute/wasm/wasm_model.ts";
import { assertCloseToLargest } from "../support/assert.ts";

/** Winograd's sums lose about three bits more than direct ones. */
const TOLERANCE = 1e-5;
const SHAPES = 24;

interface Shape {
  samples: number;
  channels: number;
  conv: ConvGeometry;
}

/** Odd sizes, both dimensions, channels below, between and beyond the blocks of 64. */
function randomShape(seed: number): Shape {
  const random = createRandom(seed);
  const twoD = seed % 2 === 0;
  const channels = [8, 24, 64, 72, 16, 136][random.integer(6)];
  const dilation = 1 + Math.floor(seed / 2) % 4;
  // A third of the shapes have phases of exactly two outputs, a third of two and three.
  const kind = Math.floor(seed / 8) % 3;
  const size = (limit: number) => kind === 0 ? 1 + random.integer(limit) : kind === 1 ? 2 * dilation : 3 * dilation - 1;
  const cols = size(twoD ? 13 : 40), rows = twoD ? size(13) : 1;
  const kernelRows = twoD ? 3 as const : 1 as const;
  const conv = {
    rows,
    cols,
    channelsIn: channels,
    channelsOut: channels,
    kernelRows,
    kernelCols: 3 as const,
    dilation,
  };
  return { samples: 1 + random.integer(5), channels, conv };
}

function title({ samples, channels, conv }: Shape): string {
  const { rows, cols, dilation, kernelRows } = conv;
  return `${samples} x ${rows} x ${cols} x ${channels}, dilation ${dilation}, ${kernelRows === 3 ? 2 : 1} dimensions`;
}

/** Calls `visit` for each pair of pixels (of all samples) that a tap connects. */
function forEachTap({ samples, conv }: Shape, visit: (out: number, inn: number, tap: number) => void): void {
  const { rows, cols, kernelRows, dilation } = conv;
  for (let n = 0; n < samples; n++) {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < cols; x++) {
        for (let ty = 0; ty < kernelRows; ty++) {
          for (let tx = 0; tx < 3; tx++) {
            const iy = y + (kernelRows === 3 ? (ty - 1) * dilation : 0), ix = x + (tx - 1) * dilation;
            if (iy < 0 || ix < 0 || iy >= rows || ix >= cols) continue;
            visit((n * rows + y) * cols + x, (n * rows + iy) * cols + ix, ty * 3 + tx);
          }
        }
      }
    }
  }
}

/** What the kernels compute of one shape, with a stage placed by hand. */
class Bench {
  readonly arena: Arena;
  readonly pixels: number;
  readonly weightFloats: number;
  private readonly random = createRandom(5);

  constructor(readonly pool: ThreadPool, readonly shape: Shape) {
    this.arena = new Arena(pool.heap);
    this.pixels = shape.samples * shape.conv.rows * shape.conv.cols;
    this.weightFloats = shape.conv.kernelRows * 3 * shape.channels ** 2;
    pool.reserveScratch(convolveScratch(shape.channels));
  }

  normals(count: number): { address: number; data: Float32Array } {
    const data = Float32Array.from({ length: count }, () => this.random.normal());
    const address = this.arena.floats(count);
    this.pool.heap.floats(address, count).set(data);
    return { address, data };
  }

  filled(count: number, value: number): number {
    const address = this.arena.floats(count);
    this.pool.heap.floats(address, count).fill(value);
    return address;
  }

  stage(slope: number): Stage {
    const { conv, channels } = this.shape;
    const pixelBytes = 4 * channels;
    const tiles = tileClasses(conv, { pixelBytesIn: pixelBytes, pixelBytesOut: pixelBytes, upsampled: false })
      .map((tile) => {
        const address = this.arena.bytes(tile.table.byteLength);
        this.pool.heap.words(address, tile.table.length).set(tile.table);
        return { ...tile, address };
      });
    const filter = () => this.arena.floats(64 * planeFloats(channels));
    return {
      unit: { slope } as Stage["unit"],
      conv,
      pixels: conv.rows * conv.cols,
      tapRows: conv.kernelRows,
      role: "inner",
      upsampled: false,
      tiles,
      tilesBack: tiles,
      filter: filter(),
      filterBack: filter(),
      running: 0,
    };
  }

  read(address: number, count: number): Float32Array {
    return this.pool.heap.floats(address, count).slice();
  }

  run(stages: Parameters<typeof writeProgram>[1]): void {
    this.pool.run(writeProgram(this.arena, stages).address);
  }
}

async function forShapes(simd: string, check: (bench: Bench) => void): Promise<void> {
  const kernels = new URL(`../../lib/compute/wasm/build/${simd}.wasm`, import.meta.url);
  const pool = await ThreadPool.open(await WebAssembly.compile(await Deno.readFile(kernels)), 1);
  for (let seed = 0; seed < SHAPES; seed++) {
    const bench = new Bench(pool, randomShape(seed));
    check(bench);
    bench.arena.release();
  }
  pool.close();
}

for (const simd of ["relaxed", "plain"]) {
  Deno.test(`wasm kernels (${simd} SIMD): convolution, bias, leaky ReLU and sums are the plain loops'`, () =>
    forShapes(simd, (bench) => {
      const { samples, channels } = bench.shape;
      const stage = bench.stage(0.1), { pixels } = bench;
      const x = bench.normals(pixels * channels), w = bench.normals(bench.weightFloats), b = bench.normals(channels);
      const scale = bench.normals(2 * channels);
      const output = bench.arena.floats(pixels * channels);
      const parts = partCount(stage.tiles, samples, channels), sums = bench.arena.floats(parts * 2 * channels);
      const convolution = convolveCommands(stage.tiles, {
        ...{ samples, channels, input: x.address, inputPixels: stage.pixels, affine: scale.address },
        ...{
          filter: stage.filter,
          output,
          outputPixels: stage.pixels,
          mode: "train",
          bias: b.address,
          slope: 0.1,
          sums,
        },
      });
      bench.run([[filterCommand(stage, w.address, channels, false)], convolution]);
      const wanted = new Float64Array(pixels * channels).map((_, i) => b.data[i % channels]);
      forEachTap(bench.shape, (out, inn, tap) => {
        for (let i = 0; i < channels; i++) {
          const v = x.data[inn * channels + i] * scale.data[i] + scale.data[channels + i];
          const row = (tap * channels + i) * channels;
          for (let o = 0; o < channels; o++) wanted[out * channels + o] += v * w.data[row + o];
        }
      });
      const activation = wanted.map((z) => Math.max(z, 0.1 * z));
      assertCloseToLargest(bench.read(output, pixels * channels), activation, TOLERANCE, title(bench.shape));
      const met = bench.read(sums, parts * 2 * channels), total = new Float64Array(2 * channels);
      met.forEach((value, i) => total[i % (2 * channels)] += value);
      const expected = new Float64Array(2 * channels);
      activation.forEach((a, i) => (expected[i % channels] += a, expected[channels + i % channels] += a * a));
      assertCloseToLargest(total, expected, TOLERANCE, `sums of ${title(bench.shape)}`);
    }));

  Deno.test(`wasm kernels (${simd} SIMD): input and weight gradients are the plain loops'`, () =>
    forShapes(simd, (bench) => {
      const { samples, channels } = bench.shape;
      const stage = bench.stage(1), { pixels } = bench;
      const x = bench.normals(pixels * channels), w = bench.normals(bench.weightFloats);
      const dy = bench.normals(pixels * channels);
      const identity = bench.filled(2 * channels, 0);
      bench.pool.heap.floats(identity, channels).fill(1);
      const coefficients = bench.filled(3 * channels, 0);
      bench.pool.heap.floats(coefficients, channels).fill(1);
      const dz = bench.arena.floats(pixels * channels), dx = bench.arena.floats(pixels * channels);
      const gradient = bench.arena.floats(bench.weightFloats);
      const groups = groupsOf(stage.tiles, samples), biasSums = bench.arena.floats(groups * channels);
      const weights = weightCommands(stage, {
        ...{ samples, channels, input: x.address, affine: identity, dy: dy.address, activation: x.address, total: 0 },
        ...{
          dz,
          coefficients,
          biasSums,
          slabs: bench.arena.floats(slabFloats(stage.tiles, samples, channels)),
          gradient,
        },
      });
      const back = convolveCommands(stage.tilesBack, {
        ...{ samples, channels, input: dz, inputPixels: stage.pixels, affine: identity, filter: stage.filterBack },
        ...{ output: dx, outputPixels: stage.pixels, mode: "gradient" },
      });
      bench.run([[filterCommand(stage, w.address, channels, true), ...weights.points], [weights.taps, ...back]]);
      const wantedInput = new Float64Array(pixels * channels), wantedWeight = new Float64Array(bench.weightFloats);
      forEachTap(bench.shape, (out, inn, tap) => {
        for (let i = 0; i < channels; i++) {
          const row = (tap * channels + i) * channels, v = x.data[inn * channels + i];
          let sum = 0;
          for (let o = 0; o < channels; o++) {
            const d = dy.data[out * channels + o];
            sum += d * w.data[row + o];
            wantedWeight[row + o] += v * d;
          }
          wantedInput[inn * channels + i] += sum;
        }
      });
      const name = title(bench.shape);
      assertCloseToLargest(bench.read(dx, pixels * channels), wantedInput, TOLERANCE, `input gradient of ${name}`);
      assertCloseToLargest(
        bench.read(gradient, bench.weightFloats),
        wantedWeight,
        TOLERANCE,
        `weight gradient of ${name}`,
      );
      const bias = new Float64Array(channels), wantedBias = new Float64Array(channels);
      bench.read(biasSums, groups * channels).forEach((value, i) => bias[i % channels] += value);
      dy.data.forEach((value, i) => wantedBias[i % channels] += value);
      assertCloseToLargest(bias, wantedBias, TOLERANCE, `bias gradient of ${name}`);
    }));
}
