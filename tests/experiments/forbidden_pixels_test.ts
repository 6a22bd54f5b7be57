import { forbiddenPixels, type Polygon } from "../../lib/experiments/forbidden_pixels.ts";
import { assertEquals } from "../support/assert.ts";

function picture(polygons: Polygon[], rows: number, cols: number): string[] {
  const mask_HW = forbiddenPixels(polygons, rows, cols);
  return Array.from({ length: rows }, (_, row) => mask_HW.subarray(row * cols, (row + 1) * cols).join(""));
}

Deno.test("a rectangle is filled with its edges and corners", () => {
  const square: Polygon = [[1, 1], [1, 3], [3, 3], [3, 1]];
  assertEquals(picture([square], 5, 6), ["000000", "011100", "011100", "011100", "000000"]);
});

Deno.test("a concave polygon keeps its bay open, two polygons add up, and what is off the map does no harm", () => {
  const bay: Polygon = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 3], [3, 3], [3, 1], [0, 1]];
  assertEquals(picture([bay], 5, 5), ["11011", "11011", "11011", "11111", "11111"]);
  const far: Polygon = [[-100, 5.5], [900, 5.5], [900, 60000], [-100, 60000]];
  assertEquals(picture([[[0, 0], [0, 0], [0, 0]], far], 2, 8), ["00000011", "00000011"]);
});

Deno.test("a triangle holds the pixels whose centres it holds", () => {
  assertEquals(picture([[[0, 0], [4, 0], [4, 4]]], 5, 5), ["10000", "11000", "11100", "11110", "11111"]);
});
