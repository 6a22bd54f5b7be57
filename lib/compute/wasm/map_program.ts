import { axisTiles, MapAxis } from "./map_tables.ts";
import type { AxisTile } from "./map_tables.ts";
import { convolveCommands } from "./conv_commands.ts";
import { float } from "./kernel_ops.ts";
import type { Command } from "./kernel_ops.ts";
import type { Arena } from "./shared_heap.ts";
import { ENTRY_WORDS } from "./tile_classes.ts";
import type { PlacedClass } from "./tile_classes.ts";
import type { LinearPath, Stage, WasmModel } from "./wasm_model.ts";

/** Positions (patches) of one piece of a map. */
export interface MapExtent {
  readonly rows: number;
  readonly cols: number;
}

/** Addresses for a piece of a map: its pixels, and the latent variables of its positions. */
export interface MapPiece {
  readonly extent: MapExtent;
  readonly image: number;
  readonly latent: number;
  readonly stages: Command[][];
}

/** Whether patches of this network share enough: the rings that padding reaches must not overlap. */
export function sharesBorders(model: WasmModel): boolean {
  const { direction, window } = model.network.options;
  return direction === "im2spec" && window >= 2 * model.encoder.length;
}

/** Floats of the largest picture of a piece, which bounds its memory. */
export function pictureFloats(model: WasmModel, extent: MapExtent): number {
  const { window } = model.network.options;
  const depth = model.encoder.length;
  const { length: rows } = new MapAxis(extent.rows, window, depth),
    { length: cols } = new MapAxis(extent.cols, window, depth);
  return rows * cols * model.channels;
}

/** The encoder over all positions of a piece, exact: each value that patches share is computed once. */
export function placeMapPiece(
  model: WasmModel,
  arena: Arena,
  extent: MapExtent,
  pictures: readonly [number, number],
): MapPiece {
  const { window, latent } = model.network.options;
  const mapRows = extent.rows + window - 1, mapCols = extent.cols + window - 1;
  const image = arena.floats(mapRows * mapCols), latents = arena.floats(extent.rows * extent.cols * latent);
  const axes = (depth: number) => ({
    rows: new MapAxis(extent.rows, window, depth),
    cols: new MapAxis(extent.cols, window, depth),
  });
  const [first, ...rest] = model.encoder;
  const stages: Command[][] = [[expandCommand(model, arena, first, axes(1), image, pictures[0])]];
  let from = 0;
  rest.forEach((stage, i) => {
    const to = 1 - from;
    const tiles = mapTiles(arena, axes(i + 1), axes(i + 2), 4 * model.channels);
    stages.push(convolveCommands(tiles, {
      samples: 1,
      channels: model.channels,
      input: pictures[from],
      inputPixels: 0,
      affine: model.identity,
      filter: stage.filter,
      output: pictures[to],
      outputPixels: 0,
      mode: "evaluate",
      bias: model.weight(stage.unit.bias.spec.name),
      slope: stage.unit.slope,
      outAffine: stage.running,
    }));
    from = to;
  });
  stages.push([dotCommand(model, arena, axes(model.encoder.length), pictures[from], latents)]);
  if (model.linear) stages.push([linearCommand(model, model.linear.encoder, { extent, image, latents })]);
  return { extent, image, latent: latents, stages };
}

interface Axes {
  readonly rows: MapAxis;
  readonly cols: MapAxis;
}

function expandCommand(model: WasmModel, arena: Arena, stage: Stage, axes: Axes, image: number, to: number): Command {
  const { rows, cols } = axes;
  const { channels } = model;
  const { unit, running } = stage;
  return {
    op: "mapExpand",
    jobs: rows.length,
    args: [
      image,
      rows.mapLines,
      cols.mapLines,
      model.weight(unit.weight.spec.name),
      channels,
      to,
      cols.length,
      placeWords(arena, lineKinds(rows)),
      placeWords(arena, lineKinds(cols)),
      model.weight(unit.bias.spec.name),
      float(unit.slope),
      running,
      running + 4 * channels,
    ],
  };
}

/** For each line of a picture after one convolution: its line of the map, and which tap the cut takes away. */
function lineKinds({ positions, window, mapLines }: MapAxis): Int32Array {
  const pairs: [line: number, kind: number][] = [];
  for (let at = 0; at < positions; at++) pairs.push([at, 1]);
  for (let at = 0; at < mapLines; at++) pairs.push([at, 0]);
  for (let at = 0; at < positions; at++) pairs.push([at + window - 1, 2]);
  return Int32Array.from(pairs.flat());
}

/** Tile tables (kernels/winograd.ts) of one convolution over pictures, a class for each size of tile. */
function mapTiles(arena: Arena, from: Axes, to: Axes, pixelBytes: number): PlacedClass[] {
  const rowGroups = groupBySize(axisTiles(from.rows, to.rows)), colGroups = groupBySize(axisTiles(from.cols, to.cols));
  const classes: PlacedClass[] = [];
  for (const [tileRows, rows] of rowGroups) {
    for (const [tileCols, cols] of colGroups) {
      const table = new Int32Array(rows.length * cols.length * ENTRY_WORDS);
      let at = 0;
      for (const row of rows) {
        for (const col of cols) {
          row.inputs.forEach((line, i) => table[at + i] = line < 0 ? -1 : line * from.cols.length * pixelBytes);
          col.inputs.forEach((line, i) => table[at + 6 + i] = line < 0 ? -1 : line * pixelBytes);
          row.outputs.forEach((line, i) => table[at + 12 + i] = line * to.cols.length * pixelBytes);
          col.outputs.forEach((line, i) => table[at + 16 + i] = line * pixelBytes);
          at += ENTRY_WORDS;
        }
      }
      const tilesPerSample = rows.length * cols.length, points = (tileRows + 2) * (tileCols + 2);
      classes.push({ tileRows, tileCols, across: 6, tilesPerSample, points, table, address: placeWords(arena, table) });
    }
  }
  return classes;
}

function groupBySize(tiles: readonly AxisTile[]): [number, AxisTile[]][] {
  const groups = new Map<number, AxisTile[]>();
  for (const tile of tiles) groups.set(tile.outputs.length, [...groups.get(tile.outputs.length) ?? [], tile]);
  return [...groups].sort(([a], [b]) => b - a);
}

function dotCommand(model: WasmModel, arena: Arena, axes: Axes, from: number, latent: number): Command {
  const { rows, cols } = axes;
  const { channels, denseIn, network } = model;
  const { window } = network.options;
  const offsets = (axis: MapAxis, bytes: number) =>
    Int32Array.from(
      { length: axis.positions * window },
      (_, i) => bytes * axis.line(Math.floor(i / window), i % window),
    );
  return {
    op: "mapDot",
    jobs: Math.ceil(rows.positions * cols.positions / 8),
    args: [
      from,
      rows.positions,
      cols.positions,
      window,
      placeWords(arena, offsets(rows, 4 * channels * cols.length)),
      placeWords(arena, offsets(cols, 4 * channels)),
      channels,
      model.weight(denseIn.weight.spec.name),
      network.options.latent,
      model.weight(denseIn.bias.spec.name),
      latent,
    ],
  };
}

/** The linear path of each position, added to its latent variables. */
function linearCommand(
  model: WasmModel,
  { weight, bias }: LinearPath["encoder"],
  { extent, image, latents }: { extent: MapExtent; image: number; latents: number },
): Command {
  const { window, latent } = model.network.options;
  const count = extent.rows * extent.cols;
  const layer = [model.weight(weight.spec.name), latent, model.weight(bias.spec.name)];
  const args = [image, extent.cols + window - 1, count, extent.cols, window, ...layer, latents];
  return { op: "mapLinear", jobs: Math.ceil(count / 8), args };
}

function placeWords(arena: Arena, words: Int32Array): number {
  const address = arena.bytes(words.byteLength);
  arena.heap.words(address, words.length).set(words);
  return address;
}
