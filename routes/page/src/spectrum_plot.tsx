import type { RefObject } from "preact";
import { useRef } from "preact/hooks";
import type { Axis } from "../../../lib/schemas/cube.ts";
import { extent } from "./arrays.ts";
import { useBox } from "./map_view.tsx";
import { numberText, ticks, unitFor } from "./quantity_text.ts";

/** One spectrum to draw. `of` says what it is: measured curves have points, predicted ones are dashed. */
export interface Curve {
  label: string;
  colour: string;
  of: "measured" | "predicted" | "preview";
  values: ArrayLike<number>;
  /** Half-width of the uncertainty band. */
  band?: ArrayLike<number>;
}

interface Props {
  axis: Axis;
  quantity: string;
  unit: string;
  curves: Curve[];
  /** Measured minus predicted, one a pin. */
  residuals: Curve[];
  isLoop: boolean;
  /** The step that the map shows. */
  index?: number;
  onIndex?: (index: number) => void;
  svg?: RefObject<SVGSVGElement | null>;
  label: string;
  compact?: boolean;
}

const MARGIN = { left: 58, right: 14, top: 12, bottom: 40 };

interface Scale {
  x: (value: number) => number;
  y: (value: number) => number;
}

/** Spectra over their axis (in the order they were taken, so that a loop is a loop), with the residual below. */
export function SpectrumPlot(props: Props) {
  const holder = useRef<HTMLDivElement>(null);
  const box = useBox(holder);
  const margin = props.compact ? { left: 34, right: 6, top: 6, bottom: 18 } : MARGIN;
  const hasResidual = props.residuals.length > 0;
  const residualHeight = hasResidual ? Math.max(54, box.height * 0.19) : 0;
  const main = {
    left: margin.left,
    right: box.width - margin.right,
    top: margin.top,
    bottom: box.height - margin.bottom - (hasResidual ? residualHeight + 14 : 0),
  };
  const below = { ...main, top: main.bottom + 14, bottom: box.height - margin.bottom };
  const { axis } = props;
  const rangeX = extent(axis.values);
  const bands = props.curves.flatMap(({ values, band }) =>
    band ? [Array.from(values, (v, i) => v - band[i]), Array.from(values, (v, i) => v + band[i])] : []
  );
  const rangeY = padded(extent(...props.curves.map(({ values }) => values), ...bands));
  const [factor, unit] = unitFor(Math.max(Math.abs(rangeY[0]), Math.abs(rangeY[1])), props.unit);
  const reach = Math.max(...extent(...props.residuals.map(({ values }) => values)).map(Math.abs)) || 1;
  const scale = scaleOf(main, rangeX, rangeY);
  const scaleBelow = scaleOf(below, rangeX, [-reach * 1.1, reach * 1.1]);
  const pick = (event: MouseEvent) =>
    props.onIndex?.(nearestPoint(event, axis.values, { curves: props.curves, scale }));
  return (
    <div class={`plot ${props.compact ? "plot-compact" : ""}`} ref={holder}>
      <svg
        ref={props.svg}
        width={box.width}
        height={box.height}
        viewBox={`0 0 ${box.width} ${box.height}`}
        role="img"
        aria-label={props.label}
        onClick={pick}
      >
        <Frame area={main} rangeX={rangeX} rangeY={rangeY} scale={scale} factor={factor} bare={hasResidual} />
        {props.curves.map((curve, i) => (
          <CurveMarks key={i} curve={curve} axis={axis} scale={scale} isLoop={props.isLoop} compact={props.compact} />
        ))}
        {props.index !== undefined && axis.values[props.index] !== undefined && (
          <IndexMark {...{ ...props, index: props.index, scale, main }} />
        )}
        {hasResidual && (
          <>
            <Frame
              area={below}
              rangeX={rangeX}
              rangeY={[-reach * 1.1, reach * 1.1]}
              scale={scaleBelow}
              factor={factor}
              zero
            />
            {props.residuals.map(({ values, colour }, i) => (
              <path key={i} class="curve residual" d={pathOf(axis.values, values, scaleBelow)} stroke={colour} />
            ))}
            <text class="axis-note" x={below.right} y={below.top - 3} text-anchor="end">measured − predicted</text>
          </>
        )}
        {!props.compact && (
          <>
            <text class="axis-title" x={(main.left + main.right) / 2} y={box.height - 5} text-anchor="middle">
              {titled(axis.name, axis.unit)}
            </text>
            <text
              class="axis-title"
              transform={`translate(13 ${(main.top + main.bottom) / 2}) rotate(-90)`}
              text-anchor="middle"
            >
              {titled(props.quantity, unit)}
            </text>
          </>
        )}
      </svg>
    </div>
  );
}

/** Name and unit of an axis; LaTeX dollars of a file's own label are dropped. */
export function titled(name: string, unit: string): string {
  const plain = name.replace(/\$\\sqrt\s*\{?(\w)\}?\$/, "√$1").replaceAll("$", "");
  return unit ? `${plain} (${unit.replaceAll("$", "")})` : plain;
}

interface Area {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

function scaleOf(area: Area, [x0, x1]: [number, number], [y0, y1]: [number, number]): Scale {
  const [w, h] = [(area.right - area.left) / (x1 - x0 || 1), (area.bottom - area.top) / (y1 - y0 || 1)];
  return { x: (value) => area.left + (value - x0) * w, y: (value) => area.bottom - (value - y0) * h };
}

function padded([low, high]: [number, number]): [number, number] {
  const pad = (high - low) * 0.07 || Math.abs(high) * 0.1 || 1;
  return [low - pad, high + pad];
}

function Frame({ area, rangeX, rangeY, scale, factor, bare, zero }: {
  area: Area;
  rangeX: [number, number];
  rangeY: [number, number];
  scale: Scale;
  factor: number;
  bare?: boolean;
  zero?: boolean;
}) {
  const tall = area.bottom - area.top;
  const across = ticks(rangeX, Math.max(3, (area.right - area.left) / 80));
  const up = zero ? [-1, 0, 1].map((k) => k * rangeY[1] / 1.1) : ticks(rangeY, Math.max(2, tall / 48));
  return (
    <g>
      {up.map((value) => (
        <g key={`y${value}`}>
          <line
            class={value === 0 ? "grid grid-zero" : "grid"}
            x1={area.left}
            x2={area.right}
            y1={scale.y(value)}
            y2={scale.y(value)}
          />
          <text class="tick" x={area.left - 6} y={scale.y(value) + 3.5} text-anchor="end">
            {numberText(value * factor, zero ? 2 : 4)}
          </text>
        </g>
      ))}
      {across.map((value) => (
        <g key={`x${value}`}>
          <line
            class={Math.abs(value) < 1e-12 ? "grid grid-zero" : "grid"}
            x1={scale.x(value)}
            x2={scale.x(value)}
            y1={area.top}
            y2={area.bottom}
          />
          {!bare && (
            <text class="tick" x={scale.x(value)} y={area.bottom + 15} text-anchor="middle">{numberText(value)}</text>
          )}
        </g>
      ))}
    </g>
  );
}

function CurveMarks({ curve, axis, scale, isLoop, compact }: {
  curve: Curve;
  axis: Axis;
  scale: Scale;
  isLoop: boolean;
  compact?: boolean;
}) {
  const { values, colour, of, band } = curve;
  const few = axis.values.length <= 160 && !compact && of === "measured";
  return (
    <g>
      {band && <path class="band" d={bandOf(axis.values, values, band, scale)} fill={colour} />}
      <path class={`curve curve-${of}`} d={pathOf(axis.values, values, scale)} stroke={colour}>
        <title>{curve.label}</title>
      </path>
      {few && axis.values.map((v, i) => (
        Number.isFinite(values[i]) && (
          <circle key={i} class="dot" cx={scale.x(v)} cy={scale.y(values[i])} r="2" fill={colour} />
        )
      ))}
      {isLoop && !compact && of !== "preview" &&
        arrows(axis.values, values, scale).map((d, i) => <path key={i} class="arrow" d={d} fill={colour} />)}
    </g>
  );
}

function IndexMark({ axis, index, scale, main, curves }: Props & { index: number; scale: Scale; main: Area }) {
  const x = scale.x(axis.values[index]);
  return (
    <g class="index-mark">
      <line x1={x} x2={x} y1={main.top} y2={main.bottom} />
      {curves.filter(({ of }) => of !== "preview").map(({ values, colour }, i) => (
        Number.isFinite(values[index]) && <circle key={i} cx={x} cy={scale.y(values[index])} r="4.5" stroke={colour} />
      ))}
    </g>
  );
}

/** An SVG path through the finite points, broken where one is missing. */
export function pathOf(x: ArrayLike<number>, y: ArrayLike<number>, scale: Scale): string {
  let d = "";
  let pen = false;
  for (let i = 0; i < x.length; i++) {
    if (!Number.isFinite(y[i])) {
      pen = false;
      continue;
    }
    d += `${pen ? "L" : "M"}${scale.x(x[i]).toFixed(1)} ${scale.y(y[i]).toFixed(1)}`;
    pen = true;
  }
  return d;
}

function bandOf(x: ArrayLike<number>, y: ArrayLike<number>, band: ArrayLike<number>, scale: Scale): string {
  let d = "";
  for (let i = 1; i < x.length; i++) {
    const corner = (k: number, side: number) =>
      `${scale.x(x[k]).toFixed(1)} ${scale.y(y[k] + side * band[k]).toFixed(1)}`;
    if (!Number.isFinite(y[i] + y[i - 1] + band[i] + band[i - 1])) continue;
    const [a, b] = x[i] >= x[i - 1] ? [i - 1, i] : [i, i - 1]; // one turning sense, or branches would cancel where they overlap
    d += `M${corner(a, 1)}L${corner(b, 1)}L${corner(b, -1)}L${corner(a, -1)}Z`;
  }
  return d;
}

/** Arrow heads along a curve, in the direction in which it was taken. */
function arrows(x: ArrayLike<number>, y: ArrayLike<number>, scale: Scale): string[] {
  const places = [0.14, 0.42, 0.66, 0.9].map((share) => Math.round(share * (x.length - 1)));
  return places.flatMap((i) => {
    const [a, b] = [Math.max(0, i - 1), Math.min(x.length - 1, i + 1)];
    const [dx, dy] = [scale.x(x[b]) - scale.x(x[a]), scale.y(y[b]) - scale.y(y[a])];
    const length = Math.hypot(dx, dy);
    if (!(length > 0.5)) return [];
    const [ux, uy] = [dx / length, dy / length];
    const [px, py] = [scale.x(x[i]), scale.y(y[i])];
    const point = (along: number, across: number) =>
      `${(px + ux * along - uy * across).toFixed(1)} ${(py + uy * along + ux * across).toFixed(1)}`;
    return [`M${point(6, 0)}L${point(-4, 4.2)}L${point(-4, -4.2)}Z`];
  });
}

function nearestPoint(
  event: MouseEvent,
  axis: readonly number[],
  { curves, scale }: { curves: Curve[]; scale: Scale },
): number {
  const { left, top } = (event.currentTarget as Element).getBoundingClientRect();
  const [x, y] = [event.clientX - left, event.clientY - top];
  const distance = (i: number) => {
    const dx = scale.x(axis[i]) - x;
    const dy = curves.length ? Math.min(...curves.map(({ values }) => Math.abs(scale.y(values[i]) - y) || 0)) : 0;
    return dx * dx + dy * dy * 0.25;
  };
  return axis.reduce((best, _, i) => distance(i) < distance(best) ? i : best, 0);
}
