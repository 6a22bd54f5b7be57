import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Layer } from "./layers.ts";
import { fitMap, type MapFrame, type MapGeometry, panBy, pixelAspect, pixelUnder, zoomAbout } from "./map_geometry.ts";
import { drawOverlay, type Overlay } from "./map_overlay.ts";
import { paintMap } from "./map_painter.ts";
import type { Pin, ViewState } from "./view_state.ts";

interface Props {
  record: MapFrame;
  layer: Layer | undefined;
  table: Uint32Array;
  range: readonly [number, number];
  overlay: Omit<Overlay, "record" | "labelled">;
  zoom: ViewState["zoom"];
  label: string;
  /** What dragging does: move the zoomed map, or draw a rectangle. */
  drag: "pan" | "box";
  onZoom: (zoom: ViewState["zoom"]) => void;
  onHover: (pin: Pin | null) => void;
  onPick?: (pin: Pin, add: boolean) => void;
  onRemove?: (pin: Pin | null) => void;
  onMove?: (rows: number, cols: number) => void;
  /** row, col, rows, cols of the drawn rectangle */
  onBox?: (box: [number, number, number, number]) => void;
}

/** A map on two canvases: the values below, everything that follows the mouse above. */
export function MapView(props: Props) {
  const { record, layer, zoom } = props;
  const holder = useRef<HTMLDivElement>(null);
  const base = useRef<HTMLCanvasElement>(null);
  const top = useRef<HTMLCanvasElement>(null);
  const bitmap = useMemo(() => document.createElement("canvas"), []);
  const box = useBox(holder);
  const shape = [record.shape[0], record.shape[1]] as const;
  const aspect = pixelAspect(record);
  const g = fitMap(shape, box, { aspect, zoom });
  const painted = [layer, props.table, props.range[0], props.range[1]];
  useLayoutEffect(() => {
    if (layer) paintMap(bitmap, layer, { shape, table: props.table, range: props.range });
  }, painted);
  useLayoutEffect(
    () => drawBase(base.current!, layer ? bitmap : null, g, box),
    [...painted, box.width, box.height, zoom],
  );
  useLayoutEffect(() => {
    const context = scaledContext(top.current!, box);
    drawOverlay(context, g, { ...props.overlay, record, labelled: true }, box);
  });
  const pointer = usePointer(g, box, props);
  return (
    <div
      class="map"
      ref={holder}
      style={{ aspectRatio: `${shape[1]} / ${shape[0] * aspect}` }}
    >
      <canvas ref={base} aria-hidden="true" />
      <canvas
        ref={top}
        class={`map-top map-${props.drag}`}
        tabIndex={0}
        role="application"
        aria-label={props.label}
        aria-keyshortcuts="ArrowUp ArrowDown ArrowLeft ArrowRight Delete + - 0"
        {...pointer}
      />
    </div>
  );
}

/** The element's size in CSS pixels, followed as it changes. */
export function useBox(holder: { current: HTMLElement | null }): { width: number; height: number } {
  const [box, setBox] = useState({ width: 400, height: 400 });
  useLayoutEffect(() => {
    const element = holder.current!;
    const measure = () => {
      const { clientWidth: width, clientHeight: height } = element;
      if (width && height) setBox((old) => old.width === width && old.height === height ? old : { width, height });
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return box;
}

/** Sizes a canvas for the screen's pixel ratio and returns a context in CSS pixels. */
export function scaledContext(
  canvas: HTMLCanvasElement,
  { width, height }: { width: number; height: number },
): CanvasRenderingContext2D {
  const ratio = Math.min(globalThis.devicePixelRatio || 1, 3);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

function drawBase(
  canvas: HTMLCanvasElement,
  bitmap: HTMLCanvasElement | null,
  g: MapGeometry,
  box: { width: number; height: number },
): void {
  const context = scaledContext(canvas, box);
  context.clearRect(0, 0, box.width, box.height);
  if (!bitmap) return;
  context.imageSmoothingEnabled = g.pixelWidth < 1;
  context.drawImage(bitmap, g.left, g.top, g.cols * g.pixelWidth, g.rows * g.pixelHeight);
}

interface Drag {
  x: number;
  y: number;
  moved: boolean;
  zoom: ViewState["zoom"];
  geometry: MapGeometry;
  from: Pin | undefined;
}

function usePointer(g: MapGeometry, box: { width: number; height: number }, props: Props) {
  const drag = useRef<Drag | null>(null);
  const at = (event: MouseEvent): [number, number] => [event.offsetX, event.offsetY];
  const clampedPixel = ([x, y]: [number, number]): Pin => ({
    row: Math.min(g.rows - 1, Math.max(0, Math.floor((y - g.top) / g.pixelHeight))),
    col: Math.min(g.cols - 1, Math.max(0, Math.floor((x - g.left) / g.pixelWidth))),
  });
  const latest = useRef({ g, box, props });
  latest.current = { g, box, props };
  useEffect(() => () => latest.current.props.onHover(null), []);

  const onWheel = (event: WheelEvent) => {
    const meant = event.ctrlKey || event.metaKey || document.activeElement === event.currentTarget;
    if (!meant && !props.zoom) return;
    event.preventDefault();
    const [x, y] = at(event);
    props.onZoom(zoomAbout(g, box, { zoom: props.zoom, factor: Math.exp(-event.deltaY * 0.0022), x, y }));
  };
  const onPointerDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    const [x, y] = at(event);
    drag.current = { x, y, moved: false, zoom: props.zoom, geometry: g, from: pixelUnder(g, x, y) };
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
  };
  const onPointerMove = (event: PointerEvent) => {
    const [x, y] = at(event);
    const start = drag.current;
    if (start && (start.moved || Math.hypot(x - start.x, y - start.y) > 4)) {
      start.moved = true;
      if (props.drag === "box" && start.from) props.onBox?.(boxBetween(start.from, clampedPixel([x, y])));
      else if (start.zoom) {
        const { geometry, zoom } = start;
        props.onZoom(panBy(geometry, box, { zoom, dx: x - start.x, dy: y - start.y }));
      }
      return;
    }
    props.onHover(pixelUnder(g, x, y) ?? null);
  };
  const onPointerUp = (event: PointerEvent) => {
    const start = drag.current;
    drag.current = null;
    if (!start || start.moved) return;
    const pixel = pixelUnder(g, ...at(event));
    if (pixel) props.onPick?.(pixel, event.shiftKey || event.ctrlKey || event.metaKey);
  };
  return {
    onWheel,
    onPointerDown,
    onPointerMove,
    onPointerUp,
    onPointerCancel: () => void (drag.current = null),
    onPointerLeave: () => props.onHover(null),
    onContextMenu: (event: MouseEvent) => {
      event.preventDefault();
      props.onRemove?.(pixelUnder(g, ...at(event)) ?? null);
    },
    onKeyDown: (event: KeyboardEvent) => keyboard(event, g, box, props),
  };
}

function boxBetween(a: Pin, b: Pin): [number, number, number, number] {
  const [row, col] = [Math.min(a.row, b.row), Math.min(a.col, b.col)];
  return [row, col, Math.abs(a.row - b.row) + 1, Math.abs(a.col - b.col) + 1];
}

const STEPS: Record<string, [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

function keyboard(event: KeyboardEvent, g: MapGeometry, box: { width: number; height: number }, props: Props): void {
  const step = STEPS[event.key];
  const factor = { "+": 1.5, "=": 1.5, "-": 1 / 1.5 }[event.key];
  if (step) props.onMove?.(step[0] * (event.shiftKey ? 5 : 1), step[1] * (event.shiftKey ? 5 : 1));
  else if (event.key === "Delete" || event.key === "Backspace") props.onRemove?.(null);
  else if (event.key === "0") props.onZoom(null);
  else if (factor) {
    props.onZoom(zoomAbout(g, box, { zoom: props.zoom, factor, x: box.width / 2, y: box.height / 2 }));
  } else return;
  event.preventDefault();
}
