import { pngUrl } from "./png.ts";

/** Where a panel lies in its figure, in pixels; its title stands above. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
  title: string;
}

export interface Curve {
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  colour: string;
  dashed?: boolean;
}

/** Colours of classes and curves, told apart also with weak colour vision. */
export const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a3d9a", "#7f7f7f"];
/** Anchors of a perceptually even map from dark to light (cividis). */
const SHADES = [[0, 34, 78], [53, 69, 108], [102, 105, 112], [148, 142, 119], [200, 183, 103], [254, 232, 56]];
const MISSING = [235, 235, 235];

/** A whole figure. */
export function svgFigure(width: number, height: number, parts: string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>\n${
      parts.join("\n")
    }\n</svg>\n`;
}

/** A map with its range written below; `range` shares colours between panels. */
export function svgMap(
  box: Box,
  { values, rows, cols, range = extent(values), unit = "" }: {
    values: ArrayLike<number>;
    rows: number;
    cols: number;
    range?: [number, number];
    unit?: string;
  },
): string {
  const [low, high] = range;
  const rgb = new Uint8Array(3 * rows * cols);
  for (let i = 0; i < rows * cols; i++) rgb.set(shade((values[i] - low) / (high - low || 1)), 3 * i);
  return picture(box, pngUrl(rgb, cols, rows), `${short(low)} to ${short(high)} ${unit}`);
}

/** A map of class numbers in the classes' colours. */
export function svgClasses(box: Box, values: ArrayLike<number>, rows: number, cols: number): string {
  const rgb = new Uint8Array(3 * rows * cols);
  for (let i = 0; i < rows * cols; i++) {
    rgb.set(Number.isFinite(values[i]) ? parse(COLOURS[values[i] % COLOURS.length]) : MISSING, 3 * i);
  }
  return picture(box, pngUrl(rgb, cols, rows), "");
}

/** Curves in one frame with the ranges at its ends. */
export function svgCurves(box: Box, curves: Curve[], labels: { x: string; y: string }): string {
  const x = extent(curves.flatMap((curve) => Array.from(curve.x))), y = extent(curves.flatMap((c) => Array.from(c.y)));
  const lines = curves.map(({ x: xs, y: ys, colour, dashed }) => {
    const points = Array.from(
      xs,
      (value, i) => `${place(value, x, box.x, box.width)},${place(ys[i], y, box.y + box.height, -box.height)}`,
    );
    return `<polyline fill="none" stroke="${colour}" stroke-width="1.3"${
      dashed ? ' stroke-dasharray="4 3"' : ""
    } points="${points.join(" ")}"/>`;
  });
  return frame(box, x, y, labels) + lines.join("");
}

/** Points in the colours of their classes. */
export function svgScatter(
  box: Box,
  { x, y, classes }: { x: ArrayLike<number>; y: ArrayLike<number>; classes: ArrayLike<number> },
  labels: { x: string; y: string },
): string {
  const ranges = [extent(x), extent(y)];
  const dots = Array.from(x, (value, i) => {
    const colour = Number.isFinite(classes[i]) ? COLOURS[classes[i] % COLOURS.length] : "#cccccc";
    const [cx, cy] = [
      place(value, ranges[0], box.x, box.width),
      place(y[i], ranges[1], box.y + box.height, -box.height),
    ];
    return `<circle cx="${cx}" cy="${cy}" r="1.4" fill="${colour}" fill-opacity="0.6"/>`;
  });
  return frame(box, ranges[0], ranges[1], labels) + dots.join("");
}

/** Small multiples of curves on a steps x steps grid: the first index to the right, the second upwards. */
export function svgCurveGrid(
  box: Box,
  { cells, steps, x }: { cells: ArrayLike<number>[]; steps: number; x: ArrayLike<number> },
): string {
  const range = extent(cells.flatMap((cell) => Array.from(cell))), across = extent(x), side = box.width / steps;
  const paths = cells.map((cell, k) => {
    const left = box.x + Math.floor(k / steps) * side, bottom = box.y + box.height - k % steps * side;
    const points = Array.from(
      x,
      (v, i) =>
        `${place(v, across, left + 0.08 * side, 0.84 * side)},${
          place(cell[i], range, bottom - 0.08 * side, -0.84 * side)
        }`,
    );
    return `<polyline fill="none" stroke="#0072b2" stroke-width="0.7" points="${points.join(" ")}"/>`;
  });
  return title(box) + outline(box) + paths.join("");
}

/** Smallest and largest finite value. */
export function extent(values: ArrayLike<number>): [number, number] {
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) continue;
    low = Math.min(low, values[i]);
    high = Math.max(high, values[i]);
  }
  return low <= high ? [low, high] : [0, 1];
}

function picture(box: Box, url: string, note: string): string {
  return title(box) +
    `<image x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" preserveAspectRatio="none" ` +
    `style="image-rendering:pixelated" href="${url}"/>` + outline(box) +
    `<text x="${box.x}" y="${box.y + box.height + 13}" fill="#555">${escape(note)}</text>`;
}

function frame(box: Box, x: [number, number], y: [number, number], labels: { x: string; y: string }): string {
  const below = box.y + box.height + 13;
  return title(box) + outline(box) +
    `<text x="${box.x}" y="${below}" fill="#555">${short(x[0])}</text>` +
    `<text x="${box.x + box.width / 2}" y="${below}" text-anchor="middle" fill="#555">${escape(labels.x)}</text>` +
    `<text x="${box.x + box.width}" y="${below}" text-anchor="end" fill="#555">${short(x[1])}</text>` +
    `<text x="${box.x + 3}" y="${box.y + 12}" fill="#555">${short(y[1])} ${escape(labels.y)}</text>` +
    `<text x="${box.x + 3}" y="${box.y + box.height - 4}" fill="#555">${short(y[0])}</text>`;
}

function title({ x, y, title }: Box): string {
  return `<text x="${x}" y="${y - 6}" font-weight="bold">${escape(title)}</text>`;
}

function outline({ x, y, width, height }: Box): string {
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="none" stroke="#999"/>`;
}

function place(value: number, [low, high]: [number, number], from: number, length: number): string {
  return (from + (value - low) / (high - low || 1) * length).toFixed(1);
}

function shade(share: number): number[] {
  if (!Number.isFinite(share)) return MISSING;
  const at = Math.min(1, Math.max(0, share)) * (SHADES.length - 1), below = Math.min(SHADES.length - 2, Math.floor(at));
  return SHADES[below].map((from, i) => Math.round(from + (at - below) * (SHADES[below + 1][i] - from)));
}

function parse(hex: string): number[] {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

const short = (value: number) => String(Number(value.toPrecision(3)));
const escape = (text: string) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]!);
