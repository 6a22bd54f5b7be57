import { classTable, colourTable } from "./colour_maps.ts";
import { percentile, sortedFinite } from "./arrays.ts";
import type { Layer } from "./layers.ts";

/** Lowest and highest value that the colours span: percentiles, symmetric about 0 for differences. */
export function colourRange(layer: Layer, [low, high]: readonly [number, number]): [number, number] {
  const sorted = sortedFinite(layer.values_HW);
  if (layer.kind === "class") return [0, 255];
  const [from, to] = [percentile(sorted, low), percentile(sorted, high)];
  if (layer.kind === "diverging") {
    const most = Math.max(Math.abs(from), Math.abs(to)) || 1;
    return [-most, most];
  }
  return to > from ? [from, to] : [from - 0.5, from + 0.5];
}

export function tableFor(layer: Layer, colours: string): Uint32Array<ArrayBuffer> {
  if (layer.kind === "class") return classTable();
  return colourTable(colours || (layer.kind === "diverging" ? "balance" : "viridis"));
}

/** Paints values into a canvas of one pixel a value; missing values stay clear. */
export function paintMap(
  canvas: HTMLCanvasElement,
  layer: Layer,
  options: { shape: readonly [number, number]; table: Uint32Array; range: readonly [number, number] },
): void {
  const [rows, cols] = options.shape;
  const [low, high] = options.range;
  const { values_HW } = layer;
  const scale = 256 / (high - low || 1);
  const pixels = new Uint32Array(rows * cols);
  for (let i = 0; i < pixels.length; i++) {
    const value = values_HW[i];
    if (value !== value) continue;
    const at = layer.kind === "class" ? value : (value - low) * scale;
    pixels[i] = options.table[at < 0 ? 0 : at > 255 ? 255 : at | 0];
  }
  canvas.width = cols;
  canvas.height = rows;
  const context = canvas.getContext("2d")!;
  context.putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), cols, rows), 0, 0);
}
