import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import type { MapFrame, MapGeometry } from "./map_geometry.ts";
import { spacing } from "./map_geometry.ts";
import { numberText, quantityText, roundLength, unitFor } from "./quantity_text.ts";
import type { Pin } from "./view_state.ts";

/** row, col, rows, cols */
export type Box = readonly [number, number, number, number];

export interface Outline {
  box: Box;
  dashed?: boolean;
  /** Only the label is drawn. */
  hidden?: boolean;
  label: string;
  /** The part of the map that the label belongs to. */
  labelBox?: Box;
}

/** What lies over the map. */
export interface Overlay {
  pins: { at: Pin; colour: string; focus: boolean }[];
  hover: Pin | null;
  radius: number;
  /** Side of the patch; 0 draws none. */
  window: number;
  /** Pixels that have a patch; the frame around them is hatched. */
  reach: Box | null;
  outlines: Outline[];
  /** Numbered places, in order. */
  marks: Pin[];
  /** Pixels to light up; the others are dimmed. */
  selected: Uint8Array | null;
  /** Pixels that were measured, as dots. */
  dots?: Float32Array;
  record: MapFrame;
  /** Point of the keyboard user, shown while the map has the focus. */
  labelled: boolean;
}

const HALO = "rgba(0, 0, 0, 0.65)";

/** Draws everything over the map into a context that is scaled to CSS pixels. */
export function drawOverlay(
  context: CanvasRenderingContext2D,
  g: MapGeometry,
  overlay: Overlay,
  size: { width: number; height: number },
): void {
  context.clearRect(0, 0, size.width, size.height);
  context.save();
  context.beginPath();
  context.rect(g.left, g.top, g.cols * g.pixelWidth, g.rows * g.pixelHeight);
  context.clip();
  if (overlay.selected) dimOthers(context, g, overlay.selected);
  if (overlay.reach) hatchOutside(context, g, overlay.reach);
  for (const outline of overlay.outlines) drawOutline(context, g, outline);
  if (overlay.dots) drawDots(context, g, overlay.dots);
  if (overlay.hover) drawHover(context, g, overlay);
  overlay.marks.forEach((at, i) => drawMark(context, g, at, String(i + 1)));
  for (const pin of overlay.pins) drawPin(context, g, { ...pin, radius: overlay.radius, window: overlay.window });
  context.restore();
  drawScaleBar(context, g, overlay.record, size);
}

const rectangle = (g: MapGeometry, [row, col, rows, cols]: Box): [number, number, number, number] => [
  g.left + col * g.pixelWidth,
  g.top + row * g.pixelHeight,
  cols * g.pixelWidth,
  rows * g.pixelHeight,
];

function haloed(context: CanvasRenderingContext2D, colour: string, width: number, path: () => void): void {
  context.beginPath();
  path();
  context.strokeStyle = HALO;
  context.lineWidth = width + 2;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

/** The frame where no patch fits, hatched so that it reads as out of reach and not as a value. */
function hatchOutside(context: CanvasRenderingContext2D, g: MapGeometry, reach: Box): void {
  const [x, y, w, h] = rectangle(g, [0, 0, g.rows, g.cols]);
  const inner = rectangle(g, reach);
  context.save();
  context.beginPath();
  context.rect(x, y, w, h);
  context.rect(...inner);
  context.clip("evenodd");
  context.fillStyle = "rgba(12, 16, 24, 0.5)";
  context.fillRect(x, y, w, h);
  context.strokeStyle = "rgba(255, 255, 255, 0.28)";
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -h; at < w; at += 7) {
    context.moveTo(x + at, y + h);
    context.lineTo(x + at + h, y);
  }
  context.stroke();
  context.restore();
}

function dimOthers(context: CanvasRenderingContext2D, g: MapGeometry, selected: Uint8Array): void {
  context.fillStyle = "rgba(8, 12, 20, 0.72)";
  for (let row = 0; row < g.rows; row++) {
    for (let col = 0; col < g.cols;) {
      if (selected[row * g.cols + col]) {
        col++;
        continue;
      }
      let end = col;
      while (end < g.cols && !selected[row * g.cols + end]) end++;
      const [x, y, w, h] = rectangle(g, [row, col, 1, end - col]);
      const [left, top] = [Math.round(x), Math.round(y)]; // whole pixels: neighbours must not overlap
      context.fillRect(left, top, Math.round(x + w) - left, Math.round(y + h) - top);
      col = end;
    }
  }
}

function drawOutline(context: CanvasRenderingContext2D, g: MapGeometry, outline: Outline): void {
  const [x, y, w, h] = rectangle(g, outline.box);
  if (!outline.hidden) {
    context.save();
    context.setLineDash(outline.dashed ? [5, 4] : []);
    haloed(context, "#ffffff", 1.5, () => context.rect(x + 1.5, y + 1.5, w - 3, h - 3));
    context.restore();
  }
  if (!outline.labelBox) return;
  const [left, top, width, height] = rectangle(g, outline.labelBox);
  if (width > 44 && height > 24) drawLabel(context, outline.label, left + 6, top + 6);
}

function drawLabel(context: CanvasRenderingContext2D, text: string, x: number, y: number): void {
  context.font = "600 11px system-ui, sans-serif";
  const width = context.measureText(text).width + 10;
  context.fillStyle = "rgba(10, 14, 22, 0.74)";
  context.beginPath();
  context.roundRect(x, y, width, 18, 4);
  context.fill();
  context.fillStyle = "#ffffff";
  context.textBaseline = "middle";
  context.fillText(text, x + 5, y + 9.5);
}

function drawHover(context: CanvasRenderingContext2D, g: MapGeometry, { hover, window }: Overlay): void {
  const { row, col } = hover!;
  haloed(context, "#ffffff", 1, () => context.rect(...rectangle(g, [row, col, 1, 1])));
  if (window) {
    context.save();
    context.setLineDash([3, 3]);
    haloed(context, "rgba(255,255,255,0.8)", 1, () => context.rect(...rectangle(g, patchBox({ row, col }, window))));
    context.restore();
  }
}

/** The pixels of a pin's patch. */
export function patchBox({ row, col }: Pin, window: number): Box {
  const half = Math.floor(window / 2);
  return [row - half, col - half, window, window];
}

function drawPin(
  context: CanvasRenderingContext2D,
  g: MapGeometry,
  { at, colour, focus, radius, window }: { at: Pin; colour: string; focus: boolean; radius: number; window: number },
): void {
  const x = g.left + (at.col + 0.5) * g.pixelWidth;
  const y = g.top + (at.row + 0.5) * g.pixelHeight;
  if (window && focus) {
    haloed(context, "#ffffff", 2.5, () => context.rect(...rectangle(g, patchBox(at, window))));
  }
  if (radius > 0) {
    haloed(context, colour, 1.5, () => {
      context.ellipse(x, y, (radius + 0.5) * g.pixelWidth, (radius + 0.5) * g.pixelHeight, 0, 0, 2 * Math.PI);
    });
  }
  context.beginPath();
  context.arc(x, y, focus ? 6 : 4.5, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = "#ffffff";
  context.stroke();
}

function drawMark(context: CanvasRenderingContext2D, g: MapGeometry, at: Pin, text: string): void {
  const [x, y] = [g.left + (at.col + 0.5) * g.pixelWidth, g.top + (at.row + 0.5) * g.pixelHeight];
  context.beginPath();
  context.arc(x, y, 9, 0, 2 * Math.PI);
  context.fillStyle = "rgba(10, 14, 22, 0.82)";
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = "#ffffff";
  context.stroke();
  context.fillStyle = "#ffffff";
  context.font = "600 11px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x, y + 0.5);
  context.textAlign = "left";
}

function drawDots(context: CanvasRenderingContext2D, g: MapGeometry, dots: Float32Array): void {
  const radius = Math.min(3, Math.max(0.8, 0.3 * Math.min(g.pixelWidth, g.pixelHeight)));
  const half = [g.left + g.pixelWidth / 2, g.top + g.pixelHeight / 2];
  context.beginPath();
  dots.forEach((isMeasured, pixel) => {
    if (!isMeasured) return;
    const [x, y] = [
      half[0] + pixel % g.cols * g.pixelWidth,
      half[1] + Math.floor(pixel / g.cols) * g.pixelHeight,
    ];
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
  });
  context.strokeStyle = HALO;
  context.lineWidth = 1.5;
  context.stroke();
  context.fillStyle = "#ffffff";
  context.fill();
}

function drawScaleBar(
  context: CanvasRenderingContext2D,
  g: MapGeometry,
  { axes: { col } }: MapFrame,
  size: { width: number; height: number },
): void {
  const step = spacing(col.values) || 1;
  const visible = Math.min(g.cols * g.pixelWidth, size.width) / g.pixelWidth * step;
  const length = roundLength(visible * 0.3);
  const pixels = length / step * g.pixelWidth;
  const known = col.unit && !/^(px|pixel|pixels|index)?$/i.test(col.unit);
  const text = known ? quantityText(length, col.unit, 3) : `${numberText(length)} px`;
  const left = Math.max(g.left, 0) + 10;
  const bottom = Math.min(g.top + g.rows * g.pixelHeight, size.height) - 10;
  context.fillStyle = "rgba(10, 14, 22, 0.74)";
  context.beginPath();
  context.roundRect(left - 4, bottom - 25, pixels + 8, 30, 5);
  context.fill();
  context.fillStyle = "#ffffff";
  context.fillRect(left, bottom - 3, pixels, 3);
  context.font = "600 11px system-ui, sans-serif";
  context.textBaseline = "alphabetic";
  context.textAlign = "center";
  context.fillText(text, left + pixels / 2, bottom - 9, pixels + 4);
  context.textAlign = "left";
}

/** Physical position of a pixel, for people. */
export function placeText({ row, col }: Pin, { axes }: CubeRecord): string {
  const part = (name: string, value: number | undefined, { unit, values }: CubeRecord["axes"]["row"]) => {
    if (value === undefined || !unit) return "";
    const [factor, shown] = unitFor(Math.max(...values.map(Math.abs)), unit);
    return `${name} ${numberText(value * factor, 3)} ${shown}`;
  };
  return [part("x", axes.col.values[col], axes.col), part("y", axes.row.values[row], axes.row)].filter(Boolean).join(
    ", ",
  );
}
