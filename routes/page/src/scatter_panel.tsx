import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { extent } from "./arrays.ts";
import { cssColour } from "./colour_maps.ts";
import { useApp } from "./context.ts";
import { csvBlob, npyBlob, pngOfCanvases } from "./exports.ts";
import { type Layer, subscript } from "./layers.ts";
import { scaledContext, useBox } from "./map_view.tsx";
import type { Predictions } from "./model_source.ts";
import { Panel } from "./panel.tsx";
import { numberText, ticks } from "./quantity_text.ts";
import type { Session } from "./session.ts";
import { useStore } from "./store.ts";
import { NO_SELECTION, type ViewState } from "./view_state.ts";

interface Props {
  session: Session;
  predictions: Predictions;
  colouring: { layer: Layer; table: Uint32Array; range: readonly [number, number] } | undefined;
  selected: Uint8Array | null;
}

interface Plane {
  x: (value: number) => number;
  y: (value: number) => number;
  valueX: (x: number) => number;
  valueY: (y: number) => number;
  rangeX: [number, number];
  rangeY: [number, number];
}

const GRAB = 16;

/** Every pixel as a point of the latent plane. Dragging brushes; dragging the ring decodes what lies under it. */
export function ScatterPanel({ session, predictions, colouring, selected }: Props) {
  const app = useApp();
  const view = useStore(app.view, (v) => v);
  const hover = useStore(app.ui, (ui) => ui.hover);
  const theme = useStore(app.ui, (ui) => ui.theme);
  const holder = useRef<HTMLDivElement>(null);
  const dots = useRef<HTMLCanvasElement>(null);
  const top = useRef<HTMLCanvasElement>(null);
  const box = useBox(holder);
  const points = useMemo(() => pointsOf(predictions, view.dims), [predictions, view.dims]);
  const plane = useMemo(() => planeOf(points, box), [points, box.width, box.height]);
  const latents = predictions.latentCount;
  useLayoutEffect(() => {
    drawPoints(dots.current!, { points, plane, box, colouring, selected, predictions, width: session.cube!.cols });
  }, [points, plane, colouring?.layer, colouring?.table, colouring?.range, selected, theme]);
  const at = hover && pixelPoint(predictions, points, hover);
  useLayoutEffect(() => drawTop(top.current!, { plane, box, view, at }));
  const pointer = useBrush(plane, view);
  const name = (dim: number) => `z${subscript(dim + 1)}`;
  const table = () => {
    const { positions: { row0, col0, cols } } = predictions;
    const head = ["row", "col", ...Array.from({ length: latents }, (_, d) => `z${d + 1}`)];
    const rows = Array.from({ length: predictions.latents.length / latents }, (_, n) => [
      row0 + Math.floor(n / cols),
      col0 + n % cols,
      ...predictions.latents.subarray(n * latents, (n + 1) * latents),
    ]);
    return [head, ...rows];
  };
  return (
    <Panel
      title="Latent plane"
      class="latent-scatter"
      note={
        <span class="inline-tools">
          {latents > 2 && [0, 1].map((k) => (
            <select
              key={k}
              class="latent-pick"
              aria-label={k === 0 ? "Horizontal latent" : "Vertical latent"}
              value={view.dims[k]}
              onChange={(event) => {
                const dims: [number, number] = [...view.dims];
                dims[k] = Number(event.currentTarget.value);
                if (dims[0] !== dims[1]) app.view.set({ dims, brush: null, probe: null });
              }}
            >
              {Array.from({ length: latents }, (_, d) => <option key={d} value={d}>{name(d)}</option>)}
            </select>
          ))}
          <select
            aria-label="Colour of the points"
            value={view.scatter}
            onChange={(event) => app.view.set({ scatter: event.currentTarget.value })}
          >
            <option value="class">coloured by class</option>
            <option value="layer">coloured as the map ({colouring?.layer.title ?? view.layer})</option>
          </select>
        </span>
      }
      exports={{
        name: `${session.model!.model.name} latents`,
        curl: app.api.curl(`${session.model!.base}/latents`, { accept: "application/x-npy" }),
        files: {
          png: () => pngOfCanvases([dots.current!, top.current!]),
          csv: () => csvBlob(table()),
          npy: () =>
            npyBlob({
              shape: [predictions.latents.length / latents, latents],
              data: predictions.latents as Float32Array<ArrayBuffer>,
            }),
        },
      }}
    >
      <div class="scatter" ref={holder}>
        <canvas ref={dots} aria-hidden="true" />
        <canvas
          ref={top}
          tabIndex={0}
          role="application"
          aria-label={`Latent plane, ${name(view.dims[0])} across and ${
            name(view.dims[1])
          } up. Drag to select pixels; arrow keys move the decoded point, Escape clears the selection.`}
          {...pointer}
        />
      </div>
      <p class="hint">
        Drag a rectangle to light its pixels up on the map. Drag the ring to decode the place under it.
        {(view.brush || view.pick || view.only >= 0) && (
          <button
            type="button"
            class="plain small"
            onClick={() => app.view.set(NO_SELECTION)}
          >
            Clear selection
          </button>
        )}
      </p>
    </Panel>
  );
}

interface Points {
  x: Float32Array;
  y: Float32Array;
}

function pointsOf({ latents, latentCount }: Predictions, [a, b]: readonly [number, number]): Points {
  const count = latents.length / latentCount;
  const column = (d: number) =>
    Float32Array.from({ length: count }, (_, n) => latents[n * latentCount + Math.min(d, latentCount - 1)]);
  return { x: column(a), y: column(b) };
}

function pixelPoint({ positions }: Predictions, points: Points, pin: { row: number; col: number }) {
  const [row, col] = [pin.row - positions.row0, pin.col - positions.col0];
  if (row < 0 || col < 0 || row >= positions.rows || col >= positions.cols) return null;
  const n = row * positions.cols + col;
  return { x: points.x[n], y: points.y[n] };
}

function planeOf({ x, y }: Points, { width, height }: { width: number; height: number }): Plane {
  const pad = ([low, high]: [number, number]): [number, number] => {
    const margin = (high - low) * 0.08 || 1;
    return [low - margin, high + margin];
  };
  const [rangeX, rangeY] = [pad(extent(x)), pad(extent(y))];
  const [left, bottom] = [38, height - 24];
  const [sx, sy] = [(width - left - 8) / (rangeX[1] - rangeX[0]), (bottom - 8) / (rangeY[1] - rangeY[0])];
  return {
    rangeX,
    rangeY,
    x: (value) => left + (value - rangeX[0]) * sx,
    y: (value) => bottom - (value - rangeY[0]) * sy,
    valueX: (px) => (px - left) / sx + rangeX[0],
    valueY: (py) => (bottom - py) / sy + rangeY[0],
  };
}

function cssVariable(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function drawPoints(canvas: HTMLCanvasElement, { points, plane, box, colouring, selected, predictions, width }: {
  points: Points;
  plane: Plane;
  box: { width: number; height: number };
  colouring: Props["colouring"];
  selected: Uint8Array | null;
  predictions: Predictions;
  width: number;
}): void {
  const context = scaledContext(canvas, box);
  context.clearRect(0, 0, box.width, box.height);
  drawAxes(context, plane, box);
  const { row0, col0, cols } = predictions.positions;
  const colours = colouring && Array.from(colouring.table, cssColour);
  const size = points.x.length > 6000 ? 2 : 3;
  const paint = (wanted: number) => {
    for (let n = 0; n < points.x.length; n++) {
      const pixel = (row0 + Math.floor(n / cols)) * width + col0 + n % cols;
      if (selected && selected[pixel] !== wanted) continue;
      context.fillStyle = selected && !wanted ? cssVariableFaint : colourOf(pixel);
      context.fillRect(plane.x(points.x[n]) - size / 2, plane.y(points.y[n]) - size / 2, size, size);
    }
  };
  const cssVariableFaint = cssVariable("--line");
  const plain = cssVariable("--accent");
  const colourOf = (pixel: number): string => {
    if (!colouring || !colours) return plain;
    const value = colouring.layer.values_HW[pixel];
    if (value !== value) return cssVariableFaint;
    const [low, high] = colouring.range;
    const at = colouring.layer.kind === "class" ? value : (value - low) / (high - low || 1) * 256;
    return colours[Math.min(255, Math.max(0, Math.floor(at)))];
  };
  if (selected) paint(0);
  paint(1);
}

function drawAxes(context: CanvasRenderingContext2D, plane: Plane, box: { width: number; height: number }): void {
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = cssVariable("--muted");
  context.strokeStyle = cssVariable("--line");
  context.lineWidth = 1;
  context.textAlign = "center";
  for (const value of ticks(plane.rangeX, 5)) {
    const x = Math.round(plane.x(value)) + 0.5;
    context.beginPath();
    context.moveTo(x, 8);
    context.lineTo(x, box.height - 24);
    context.stroke();
    context.fillText(numberText(value, 3), x, box.height - 8);
  }
  context.textAlign = "right";
  for (const value of ticks(plane.rangeY, 5)) {
    const y = Math.round(plane.y(value)) + 0.5;
    context.beginPath();
    context.moveTo(38, y);
    context.lineTo(box.width - 8, y);
    context.stroke();
    context.fillText(numberText(value, 3), 33, y + 4);
  }
}

function drawTop(canvas: HTMLCanvasElement, { plane, box, view, at }: {
  plane: Plane;
  box: { width: number; height: number };
  view: ViewState;
  at: { x: number; y: number } | null;
}): void {
  const context = scaledContext(canvas, box);
  context.clearRect(0, 0, box.width, box.height);
  const ink = cssVariable("--ink");
  if (view.brush) {
    const [x0, y0, x1, y1] = view.brush;
    context.fillStyle = cssVariable("--accent");
    context.globalAlpha = 0.12;
    context.fillRect(plane.x(x0), plane.y(y1), plane.x(x1) - plane.x(x0), plane.y(y0) - plane.y(y1));
    context.globalAlpha = 1;
    context.strokeStyle = cssVariable("--accent");
    context.lineWidth = 1.5;
    context.strokeRect(plane.x(x0), plane.y(y1), plane.x(x1) - plane.x(x0), plane.y(y0) - plane.y(y1));
  }
  if (at) ring(context, plane.x(at.x), plane.y(at.y), { radius: 5, colour: ink, fill: cssVariable("--surface") });
  const probe = probeOf(view, plane);
  ring(context, plane.x(probe[0]), plane.y(probe[1]), { radius: 9, colour: cssVariable("--surface"), width: 6 });
  ring(context, plane.x(probe[0]), plane.y(probe[1]), { radius: 9, colour: cssVariable("--predicted"), width: 3 });
}

function ring(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  { radius, colour, fill, width = 2 }: { radius: number; colour: string; fill?: string; width?: number },
): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  if (fill) {
    context.fillStyle = fill;
    context.fill();
  }
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

/** The decoded point: as chosen, or the middle of the plane. */
export function probeOf({ probe }: ViewState, { rangeX, rangeY }: Pick<Plane, "rangeX" | "rangeY">): [number, number] {
  return probe ?? [(rangeX[0] + rangeX[1]) / 2, (rangeY[0] + rangeY[1]) / 2];
}

function useBrush(plane: Plane, view: ViewState) {
  const app = useApp();
  const from = useRef<{ x: number; y: number; grabbed: boolean } | null>(null);
  const onPointerDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    const probe = probeOf(view, plane);
    const grabbed = Math.hypot(plane.x(probe[0]) - event.offsetX, plane.y(probe[1]) - event.offsetY) < GRAB;
    from.current = { x: event.offsetX, y: event.offsetY, grabbed };
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
  };
  const onPointerMove = (event: PointerEvent) => {
    const start = from.current;
    if (!start) return;
    const [x, y] = [plane.valueX(event.offsetX), plane.valueY(event.offsetY)];
    if (start.grabbed) return app.view.set({ probe: [x, y] });
    const [x0, y0] = [plane.valueX(start.x), plane.valueY(start.y)];
    if (Math.hypot(event.offsetX - start.x, event.offsetY - start.y) < 4) return;
    app.view.set({ brush: [Math.min(x, x0), Math.min(y, y0), Math.max(x, x0), Math.max(y, y0)], pick: null, only: -1 });
  };
  const onPointerUp = (event: PointerEvent) => {
    const start = from.current;
    from.current = null;
    if (!start || start.grabbed || Math.hypot(event.offsetX - start.x, event.offsetY - start.y) >= 4) return;
    app.view.set({ probe: [plane.valueX(event.offsetX), plane.valueY(event.offsetY)], ...NO_SELECTION });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const [x, y] = probeOf(view, plane);
    const [dx, dy] = [(plane.rangeX[1] - plane.rangeX[0]) / 40, (plane.rangeY[1] - plane.rangeY[0]) / 40];
    const moved: Record<string, [number, number]> = {
      ArrowLeft: [x - dx, y],
      ArrowRight: [x + dx, y],
      ArrowUp: [x, y + dy],
      ArrowDown: [x, y - dy],
    };
    if (moved[event.key]) app.view.set({ probe: moved[event.key] });
    else if (event.key === "Escape") app.view.set(NO_SELECTION);
    else return;
    event.preventDefault();
  };
  return { onPointerDown, onPointerMove, onPointerUp, onKeyDown };
}
