import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import type { Pin, ViewState } from "./view_state.ts";

/** What is known of a map beside its values. */
export type MapFrame = Pick<CubeRecord, "shape"> & { axes: Pick<CubeRecord["axes"], "row" | "col"> };

/** Where a map lies on the screen: CSS pixels from map pixels (col, row) by `x = left + col * width`. */
export interface MapGeometry {
  left: number;
  top: number;
  /** Size of one map pixel on the screen. */
  pixelWidth: number;
  pixelHeight: number;
  rows: number;
  cols: number;
}

export const MAX_ZOOM = 64;

/** Height of a pixel over its width, from the axes; 1 where they do not say. */
export function pixelAspect({ axes: { row, col } }: MapFrame): number {
  const [dy, dx] = [spacing(row.values), spacing(col.values)];
  const aspect = row.unit === col.unit && dy > 0 && dx > 0 ? dy / dx : 1;
  return aspect > 0.2 && aspect < 5 ? aspect : 1;
}

/** Mean distance of neighbours on an axis; 0 where there is one value only. */
export function spacing(values: readonly number[]): number {
  return values.length > 1 ? Math.abs(values[values.length - 1] - values[0]) / (values.length - 1) : 0;
}

/** Fits the map into the box, then applies the zoom about its centre and keeps the map inside. */
export function fitMap(
  shape: readonly [number, number],
  box: { width: number; height: number },
  options: { aspect: number; zoom: ViewState["zoom"] },
): MapGeometry {
  const [rows, cols] = shape;
  const fit = Math.min(box.width / cols, box.height / (rows * options.aspect));
  const [factor, centreCol, centreRow] = options.zoom ?? [1, cols / 2, rows / 2];
  const pixelWidth = fit * Math.min(Math.max(factor, 1), MAX_ZOOM);
  const pixelHeight = pixelWidth * options.aspect;
  const place = (size: number, length: number, centre: number) =>
    length <= size ? (size - length) / 2 : Math.min(0, Math.max(size - length, size / 2 - centre));
  return {
    left: place(box.width, cols * pixelWidth, centreCol * pixelWidth),
    top: place(box.height, rows * pixelHeight, centreRow * pixelHeight),
    pixelWidth,
    pixelHeight,
    rows,
    cols,
  };
}

/** The map pixel under a point of the screen; undefined beside the map. */
export function pixelUnder(g: MapGeometry, x: number, y: number): Pin | undefined {
  const col = Math.floor((x - g.left) / g.pixelWidth);
  const row = Math.floor((y - g.top) / g.pixelHeight);
  return row >= 0 && col >= 0 && row < g.rows && col < g.cols ? { row, col } : undefined;
}

/** The zoom after magnifying by `factor` with the point (x, y) of the screen held still. */
export function zoomAbout(
  g: MapGeometry,
  box: { width: number; height: number },
  options: { zoom: ViewState["zoom"]; factor: number; x: number; y: number },
): ViewState["zoom"] {
  const now = options.zoom?.[0] ?? 1;
  const next = Math.min(Math.max(now * options.factor, 1), MAX_ZOOM);
  if (next === 1) return null;
  const [col, row] = [(options.x - g.left) / g.pixelWidth, (options.y - g.top) / g.pixelHeight];
  const scale = next / now;
  return [
    next,
    col + (box.width / 2 - options.x) / (g.pixelWidth * scale),
    row + (box.height / 2 - options.y) / (g.pixelHeight * scale),
  ];
}

/** The zoom after dragging the map by (dx, dy) of the screen. */
export function panBy(
  g: MapGeometry,
  box: { width: number; height: number },
  options: { zoom: ViewState["zoom"]; dx: number; dy: number },
): ViewState["zoom"] {
  if (!options.zoom) return null;
  return [
    options.zoom[0],
    (box.width / 2 - g.left - options.dx) / g.pixelWidth,
    (box.height / 2 - g.top - options.dy) / g.pixelHeight,
  ];
}
