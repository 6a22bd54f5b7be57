import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { useApp } from "./context.ts";
import { useStore } from "./store.ts";

export interface LossCurves {
  train: readonly (number | null)[];
  test: readonly (number | null)[];
  /** Held-out loss of the ridge regression, in the same unit. */
  ridge?: number | null;
}

const HEIGHT = 230;
const WHOLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000];

/** Train and test loss over the epochs on a logarithmic axis, with the linear baseline to beat. */
export function LossPlot({ curves }: { curves: LossCurves }) {
  const { ui } = useApp();
  const theme = useStore(ui, ({ theme }) => theme);
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data = dataOf(curves);
  useEffect(() => {
    const element = holder.current!;
    plot.current = new uPlot(optionsFor(element.clientWidth), data, element);
    const observer = new ResizeObserver(() => plot.current!.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current!.destroy();
    };
  }, [theme]);
  useEffect(() => plot.current!.setData(data), [curves]);
  return <div class="loss-plot" ref={holder} role="img" aria-label={describe(curves)} />;
}

function describe({ train, test, ridge }: LossCurves): string {
  const last = (values: readonly (number | null)[]) => values[values.length - 1]?.toPrecision(3) ?? "unknown";
  const line = ridge == null ? "" : `, ridge regression ${ridge.toPrecision(3)}`;
  return `Loss over ${train.length} epochs; train ${last(train)}, test ${last(test)}${line}`;
}

/** Ticks of a logarithmic axis at 1, 2 and 5 times a power of ten only. */
function decadeText(value: number | null): string {
  if (value === null || value <= 0) return "";
  const mantissa = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
  return [1, 2, 5].some((step) => Math.abs(mantissa - step) < 1e-6) ? String(Number(value.toPrecision(3))) : "";
}

function dataOf({ train, test, ridge }: LossCurves): uPlot.AlignedData {
  const epochs = train.map((_, i) => i + 1);
  const positive = (values: readonly (number | null)[]) => Array.from(values, (v) => v !== null && v > 0 ? v : null);
  return [epochs, positive(train), positive(test), epochs.map(() => ridge && ridge > 0 ? ridge : null)];
}

function optionsFor(width: number): uPlot.Options {
  const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const points = { show: false };
  return {
    width,
    height: HEIGHT,
    scales: { x: { time: false }, y: { distr: 3, range: (_plot, low, high) => [low * 0.85, high * 1.15] } },
    axes: [{ ...axis, size: 30, incrs: WHOLE_STEPS }, {
      ...axis,
      size: 58,
      values: (_plot, splits) => splits.map(decadeText),
    }],
    cursor: { y: false },
    legend: { live: false },
    series: [
      { label: "Epoch" },
      { label: "Train", stroke: colour("--measured"), width: 2, points },
      { label: "Test", stroke: colour("--predicted"), width: 2, points },
      { label: "Ridge", stroke: colour("--residual"), width: 1.5, dash: [6, 5], points },
    ],
  };
}
