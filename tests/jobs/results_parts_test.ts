import { createMemoryCube } from "../../lib/cube/memory_cube.ts";
import { PIXEL_LABEL } from "../../lib/cube/split.ts";
import { isTrainingCube, partLabels } from "../../lib/jobs/results/parts.ts";
import type { ModelManifest } from "../../lib/schemas/model.ts";
import { assertEquals } from "../support/assert.ts";

const [SHA, WINDOW] = ["a", 4];
const cubeOf = (rows: number, cols: number) =>
  createMemoryCube({ shape: [rows, cols, 4], values_HWS: new Float32Array(rows * cols * 4) });
const trainedOn = (shape: number[] | undefined, seen?: object[]) =>
  ({
    network: { window: WINDOW },
    training: { cubeSha256: SHA, shape, region: { row: 0, col: 0, rows: 20, cols: 12 }, seen },
  }) as unknown as ModelManifest;

Deno.test("another cube of the same file, of another size, is not the one that was trained on", () => {
  const manifest = trainedOn([20, 30, 4]);
  const small = cubeOf(10, 10);
  assertEquals(isTrainingCube(manifest, SHA, small), false);
  const labels = partLabels(small, manifest, SHA);
  assertEquals(labels.filter((label) => label === PIXEL_LABEL.test).length, 7 * 7);
  assertEquals(labels.filter((label) => label === PIXEL_LABEL.outside).length, 100 - 7 * 7);
  const own = partLabels(cubeOf(20, 30), manifest, SHA);
  assertEquals(own[5 * 30 + 5], PIXEL_LABEL.train);
  // A model from before sizes were recorded.
  assertEquals(isTrainingCube(trainedOn(undefined), SHA, cubeOf(20, 30)), true);
});

Deno.test("what an earlier model of the line was trained on is guard, not test", () => {
  const labels = partLabels(
    cubeOf(20, 30),
    trainedOn([20, 30, 4], [{ row: 0, col: 18, rows: 20, cols: 4 }]),
    SHA,
  );
  const { train, guard, test } = PIXEL_LABEL;
  assertEquals([11, 12, 15, 18, 24, 25, 28].map((col) => labels[5 * 30 + col]), [
    train,
    guard,
    guard,
    guard,
    guard,
    test,
    test,
  ]);
});
