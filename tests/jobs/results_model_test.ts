import type { Region } from "../../lib/cube/cube.ts";
import { isNdArray, type NdArray, type ResultTree } from "../../lib/base/nd_array.ts";
import { polygonArea } from "../../lib/analysis/polygon.ts";
import { requireRoom } from "../../lib/jobs/results/manifold_result.ts";
import { RESULT_TASKS } from "../../lib/jobs/results/result_tasks.ts";
import type { ResultInput } from "../../lib/jobs/results/result_input.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { withAppliedFilm } from "./support/applied_film.ts";

/** rows, cols, points of the film, and the window: positions are 17 x 19, from row and column 2. */
const [ROWS, COLS, POINTS, WINDOW] = [20, 22, 8, 4];
const POSITIONS = { row0: 2, col0: 2, rows: 17, cols: 19 };

async function compute(name: string, input: ResultInput): Promise<Record<string, ResultTree>> {
  return await RESULT_TASKS[`model.${name}`](input) as Record<string, ResultTree>;
}

function array(value: ResultTree, shape: number[]): NdArray {
  assert.ok(isNdArray(value), `met ${JSON.stringify(value)}`);
  assertEquals([...value.shape], shape);
  return value;
}

const child = (tree: ResultTree, ...path: (string | number)[]): ResultTree =>
  path.reduce((at, key) => (at as Record<string | number, ResultTree>)[key], tree);

for (const direction of ["im2spec", "spec2im"] as const) {
  const forward = direction === "im2spec";
  const inputShape = forward ? [WINDOW, WINDOW] : [POINTS];
  const outputShape = forward ? [POINTS] : [WINDOW, WINDOW];

  Deno.test(`${direction}: results of a model applied to its cube`, async (t) => {
    await withAppliedFilm({ direction }, async (input) => {
      const { model, cube } = input();
      const { prediction } = model;

      await t.step("predictions: all pixels, and one with its patch, spectrum and errors", async () => {
        const all = await compute("predictions", input());
        assertEquals(all.positions, POSITIONS);
        const predicted = array(all.predicted, [17, 19, ...outputShape]);
        const one = await compute("predictions", input({ row: 7, col: 9 }));
        const size = outputShape.reduce((a, b) => a * b), n = 5 * 19 + 7;
        assertClose(array(one.predicted, outputShape).data, predicted.data.slice(n * size, (n + 1) * size), 0);
        assertClose(array(one.measured, [POINTS]).data, cube.readSpectrum(7, 9), 0);
        const image = cube.readMap(0);
        assertEquals(
          array(one.patch, [4, 4]).data[0],
          image[5 * COLS + 7],
          "the patch begins two rows and columns before",
        );
        const maps = await compute("errors", input());
        for (const [name, value] of Object.entries(one.errors as Record<string, number>)) {
          assertClose([value], [array(maps[name], [ROWS, COLS]).data[7 * COLS + 9]], 1e-5 * Math.abs(value), name);
        }
        const error = await assertFailsWith(
          "pixel_without_patch",
          () => compute("predictions", input({ row: 1, col: 9 })),
        );
        assert.match(error.message, /rows 2 to 18 and columns 2 to 20/);
      });

      await t.step("errors: maps by hand, parts of the split, scores as the manifest has them", async () => {
        const tree = await compute("errors", input());
        const mse = array(tree.mse, [ROWS, COLS]);
        const size = outputShape.reduce((a, b) => a * b);
        const target = forward ? cube.readSpectrum(10, 12) : undefined;
        if (target) {
          const n = 8 * 19 + 10;
          const said = prediction.output_HWO.subarray(n * size, (n + 1) * size);
          const byHand = target.reduce((sum, value, s) => sum + (value - said[s]) ** 2 / POINTS, 0);
          assertClose([mse.data[10 * COLS + 12]], [byHand], 1e-5 * byHand);
          const area = Math.abs(
            polygonArea(cube.axes.spectral.values, said) - polygonArea(cube.axes.spectral.values, target),
          );
          assertClose([array(tree.areaAbs, [ROWS, COLS]).data[10 * COLS + 12]], [area], 1e-5 * area);
        } else {
          const dissimilarity = array(tree.ssim, [ROWS, COLS]).data.filter(Number.isFinite);
          assert.ok(dissimilarity.length === 17 * 19 && dissimilarity.every((value) => value >= 0 && value <= 2));
        }
        assert.ok(Number.isNaN(mse.data[COLS + 5]) && Number.isNaN(mse.data[19 * COLS + 5]));
        const isTrain = array(tree.isTrain, [ROWS, COLS]).data, part = array(tree.part, [ROWS, COLS]).data;
        // 22 columns: 15 to train on; the guard is 3 wide.
        assertEquals([2, 14, 15, 17, 18, 20].map((col) => part[5 * COLS + col]), [1, 1, 2, 2, 3, 3]);
        assertEquals([isTrain[5 * COLS + 14], isTrain[5 * COLS + 15], part[0]], [1, 0, 0]);
        const { test, baselines } = model.manifest.scores!;
        assertClose([child(tree.scores, "test", "mse") as number], [test.mse!], 1e-4 * test.mse!, "mse");
        assertClose([child(tree.scores, "test", "r2") as number], [test.r2!], 1e-4, "r2");
        assertEquals(child(tree.scores, "baselines"), baselines);
        assert.ok(child(tree.scores, "guard", "mse") as number > 0);
      });

      await t.step(
        "consensus: the average of three methods, what the best of all leaves, scores of the test pixels",
        async () => {
          const tree = await compute("consensus", input());
          const size = outputShape.reduce((a, b) => a * b);
          const output = array(tree.output, [17, 19, ...outputShape]);
          const mse = array(tree.mse, [ROWS, COLS]).data, smallest = array(tree.smallest, [ROWS, COLS]).data;
          const own = array((await compute("errors", input())).mse, [ROWS, COLS]).data;
          for (let pixel = 0; pixel < ROWS * COLS; pixel++) {
            assertEquals(Number.isNaN(smallest[pixel]), Number.isNaN(mse[pixel]));
            if (!Number.isNaN(mse[pixel])) assert.ok(smallest[pixel] <= mse[pixel] && smallest[pixel] <= own[pixel]);
          }
          if (forward) {
            const n = 8 * 19 + 10, target = cube.readSpectrum(10, 12);
            const byHand = target.reduce((sum, v, s) => sum + (v - output.data[n * size + s]) ** 2 / size, 0);
            assertClose([mse[10 * COLS + 12]], [byHand], 1e-5 * byHand);
          }
          assertClose([child(tree, "scores", "model", "r2") as number], [
            child(await compute("errors", input()), "scores", "test", "r2") as number,
          ], 1e-9);
          const best = array(tree.explainedBy, [ROWS, COLS]).data.filter(Number.isFinite);
          assert.ok(new Set(best).size > 1 && best.every((k) => Number.isInteger(k) && k >= 0 && k < 5));
          assertEquals(await compute("consensus", input()), tree, "the same bits again");
          const { points } = await compute("suggest", input({ count: 1, by: "consensus" }));
          const [{ row, col, score }] = points as { row: number; col: number; score: number }[];
          assertEquals(score, smallest[row * COLS + col]);
          const elsewhere = { ...input(), cubeSha256: "f".repeat(64) };
          await assertFailsWith("not_trained_here", () => compute("consensus", elsewhere));
        },
      );

      await t.step("errors: pixels that were only filled in are in no score", async () => {
        const filledFrom = (row: number) => ({
          ...cube,
          readMask: (region: Region) =>
            new Uint8Array(region.rows * region.cols * POINTS)
              .map((_, i) => region.row + Math.floor(i / region.cols / POINTS) >= row ? 1 : 0),
        });
        const tree = await compute("errors", { ...input(), cube: filledFrom(10) });
        const mse = array(tree.mse, [ROWS, COLS]).data, part = array(tree.part, [ROWS, COLS]).data;
        const isTest = (_: number, pixel: number) => part[pixel] === 3 && pixel < 10 * COLS;
        const measured = Array.from(mse).filter(isTest);
        const mean = measured.reduce((a, b) => a + b, 0) / measured.length;
        assertClose([child(tree.scores, "test", "mse") as number], [mean], 1e-4 * mean);
        const isTrain = array(tree.isTrain, [ROWS, COLS]).data;
        assertEquals([isTrain[9 * COLS + 5], isTrain[10 * COLS + 5]], [1, 0]);
        const none = await compute("errors", { ...input(), cube: filledFrom(0) });
        assertEquals(child(none.scores, "test"), null);
      });

      await t.step("errors on another cube: every pixel is a test pixel and there are no baselines", async () => {
        const tree = await compute("errors", { ...input(), cubeSha256: "f".repeat(64) });
        assert.ok(array(tree.isTrain, [ROWS, COLS]).data.every((value) => !(value > 0)));
        assertEquals([child(tree.scores, "train"), child(tree.scores, "baselines")], [null, null]);
        assert.match(child(tree.scores, "note") as string, /not trained on this cube/);
      });

      await t.step("latents as a list and as maps", async () => {
        const tree = await compute("latents", input());
        const latents = array(tree.latents, [17, 19, 2]), maps = array(tree.maps, [2, ROWS, COLS]);
        assertEquals(maps.data[ROWS * COLS + 7 * COLS + 9], latents.data[(5 * 19 + 7) * 2 + 1]);
        assert.ok(Number.isNaN(maps.data[0]));
      });

      await t.step("mixture: characteristic outputs and average inputs of the nearest pixels", async () => {
        const tree = await compute("gmm", input({ components: 3, seed: 1, covariance: "full" }));
        const weights = array(tree.weights, [3]).data, means = array(tree.means, [3, 2]).data;
        assertClose([Array.from(weights).reduce((a, b) => a + b)], [1], 1e-9);
        array(tree.covariances, [3, 2, 2]);
        array(tree.bic, [10]);
        const labels = array(tree.labels, [ROWS, COLS]).data;
        assertEquals(new Set(Array.from(labels).filter(Number.isFinite)), new Set([0, 1, 2]));
        const decoded = await model.decode(Float32Array.from(means));
        const size = outputShape.reduce((a, b) => a * b);
        for (let k = 0; k < 3; k++) {
          assertClose(
            array(child(tree.components, k, "decoded"), outputShape).data,
            decoded.subarray(k * size, (k + 1) * size),
            1e-6,
          );
          const neighbours = array(child(tree.components, k, "neighbours"), [forward ? 100 : 10, 2]).data;
          const average = array(child(tree.components, k, "average"), inputShape).data;
          let first = 0;
          for (let i = 0; i < neighbours.length; i += 2) {
            const [row, col] = [neighbours[i], neighbours[i + 1]];
            first += forward ? cube.readMap(0)[(row - 2) * COLS + col - 2] : cube.readSpectrum(row, col)[0];
          }
          first /= neighbours.length / 2;
          assertClose([average[0]], [first], 1e-5 * Math.max(1, Math.abs(first)));
        }
      });

      await t.step("manifold: decoded nodes, and the inverse by measured neighbours", async () => {
        const tree = await compute("manifold", input({ steps: 5, dims: [1, 0] }));
        const z0 = array(child(tree.grid, "z0"), [5]).data, z1 = array(child(tree.grid, "z1"), [5]).data;
        const decoded = array(tree.decoded, [5, 5, ...outputShape]).data;
        const node = await model.decode(Float32Array.of(z1[3], z0[2]));
        const size = outputShape.reduce((a, b) => a * b);
        assertClose(
          decoded.slice((2 * 5 + 3) * size, (2 * 5 + 4) * size),
          node,
          1e-5 * Math.max(...node.map(Math.abs)),
        );
        assert.ok(array(tree.nearest, [5, 5, ...inputShape]).data.every(Number.isFinite));
        await assertFailsWith("dims_outside_latent", () => compute("manifold", input({ steps: 5, dims: [0, 2] })));
      });

      await t.step("jacobian: what it says of a small step is what the decoder does", async () => {
        const tree = await compute("jacobian", input({ steps: 3, dims: [0, 1] }));
        const jacobian = array(tree.jacobian, [3, 3, 2, ...outputShape]).data;
        const z0 = array(child(tree.grid, "z0"), [3]).data, z1 = array(child(tree.grid, "z1"), [3]).data;
        const size = outputShape.reduce((a, b) => a * b), step = 0.004 * (z0[2] - z0[0]);
        const [above, below] = [
          await model.decode(Float32Array.of(z0[1] + step, z1[1])),
          await model.decode(Float32Array.of(z0[1] - step, z1[1])),
        ];
        const told = jacobian.slice((4 * 2) * size, (4 * 2 + 1) * size);
        const met = above.map((value, o) => (value - below[o]) / (2 * step));
        assertClose(told, met, 0.05 * Math.max(...met.map(Math.abs)));
      });

      await t.step("suggestions: by error the worst test pixels, never one that was trained on", async () => {
        for (const by of ["error", "novelty", "diversity"]) {
          const tree = await compute("suggest", input({ count: 6, by }));
          const points = tree.points as { row: number; col: number; score: number }[];
          assertEquals(points.length, 6);
          assert.ok(points.every(({ row, col }) => col >= 15 && col <= 20 && row >= 2 && row <= 18), by);
        }
        const { points, scores } = await compute("suggest", input({ count: 1, by: "error" }));
        const { row, col, score } = (points as { row: number; col: number; score: number }[])[0];
        const map = array(scores, [ROWS, COLS]).data;
        assertEquals(score, map[row * COLS + col]);
        assert.ok(Array.from(map).every((value, pixel) => !(pixel % COLS >= 15 && value > score)));
        const error = await assertFailsWith(
          "no_ensemble",
          () => compute("suggest", input({ count: 1, by: "uncertainty" })),
        );
        assert.match(error.message, /2 or more members; expected such a model/);
      });

      await t.step("density clusters of latents", async () => {
        const tree = await compute("dbscan", input({ minPoints: 5 }));
        const labels = Array.from(array(tree.labels, [ROWS, COLS]).data);
        assert.ok(Number.isNaN(labels[0]) && (tree.radius as number) > 0);
        assertEquals(Math.max(...labels.filter(Number.isFinite)) + 1, tree.clusters as number);
        assertEquals(labels.filter((label) => label === -1).length, tree.noise as number);
      });

      await t.step("components and factors of what was predicted", async () => {
        for (const name of ["pca", "nmf"]) {
          const parameters = { components: 2, seed: 1 };
          if (!forward) await assertFailsWith("no_predicted_spectra", () => compute(name, input(parameters)));
          else array((await compute(name, input(parameters))).maps, [2, 17, 19]);
        }
        if (!forward) return;
        // An im2spec with two latents cannot need more than a few components for what it says.
        const ratio = array((await compute("pca", input({ components: 4 }))).explainedVarianceRatio, [4]).data;
        assert.ok(Array.from(ratio).reduce((a, b) => a + b) > 0.99);
      });

      await t.step("loops: measured, predicted and their difference", async () => {
        if (!forward) return void await assertFailsWith("no_loop", () => compute("loops", input({ fit: false })));
        const tree = await compute("loops", input({ fit: true }));
        const [measured, predicted, difference] = ["measured", "predicted", "difference"].map((side) =>
          array(child(tree, side, "area"), [ROWS, COLS]).data
        );
        const at = 7 * COLS + 9;
        assertClose([measured[at]], [polygonArea(cube.axes.spectral.values, cube.readSpectrum(7, 9))], 1e-3);
        assertClose([difference[at]], [predicted[at] - measured[at]], 1e-3);
        assert.ok(Number.isNaN(measured[0]));
        array(child(tree, "difference", "fit", "a2"), [ROWS, COLS]);
        assertEquals(child(tree, "units", "imprint"), "V");
        assertEquals(child(tree, "units", "a2Error"), "V");
        assertEquals(child(tree, "units", "area"), "pm·V");
      });
    });
  });
}

Deno.test("uncertainty suggests where an ensemble's members differ most", async () => {
  await withAppliedFilm({ members: 2, epochs: 1 }, async (input) => {
    const { points, scores } = await compute("suggest", input({ count: 3, by: "uncertainty" }));
    const [first] = points as { row: number; col: number; score: number }[];
    const map = array(scores, [ROWS, COLS]).data;
    const { spread_HWO } = input().model.prediction;
    const n = (first.row - 2) * 19 + first.col - 2;
    const mean = spread_HWO!.subarray(n * POINTS, (n + 1) * POINTS).reduce((a, b) => a + b) / POINTS;
    assertClose([first.score, map[first.row * COLS + first.col]], [mean, mean], 1e-4 * mean);
    array((await compute("predictions", input())).spread, [17, 19, POINTS]);
  });
});

Deno.test("a grid that would fill the memory is refused with its size", async () => {
  requireRoom(2 ** 26);
  const error = await assertFailsWith("result_too_large", () => requireRoom(2 ** 27));
  assert.match(error.message, /512 MiB, at most 256/);
});

Deno.test("a result stops when it is cancelled", async () => {
  await withAppliedFilm({ epochs: 1 }, async (input) => {
    const signal = AbortSignal.abort();
    for (const name of ["errors", "gmm", "manifold", "loops"]) {
      const parameters = { components: 2, seed: 1, steps: 4, dims: [0, 1], fit: true };
      await assertFailsWith("cancelled", () => compute(name, { ...input(parameters), signal }));
    }
  });
});
