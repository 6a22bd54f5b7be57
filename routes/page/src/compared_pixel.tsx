import { useMemo, useRef } from "preact/hooks";
import { extent, type Grid } from "./arrays.ts";
import { colourTable } from "./colour_maps.ts";
import { useApp } from "./context.ts";
import type { CubeSource } from "./cube_source.ts";
import { csvBlob, pngOfSvg, svgBlob } from "./exports.ts";
import type { ModelSource } from "./model_source.ts";
import { Panel } from "./panel.tsx";
import { PatchView } from "./patch_view.tsx";
import { type Resource, useHeld, useResource } from "./resource_cache.ts";
import { type Curve, SpectrumPlot } from "./spectrum_plot.tsx";
import { Loaded } from "./status.tsx";
import { useStore } from "./store.ts";
import type { Pin } from "./view_state.ts";

interface Props {
  models: readonly ModelSource[];
  cube: CubeSource;
  isLoop: boolean;
}

const COLOURS = ["var(--predicted)", "var(--residual)"];

/** What was measured at the pixel in focus, and what each model says of it. */
export function ComparedPixel({ models, cube, isLoop }: Props) {
  const app = useApp();
  const pins = useStore(app.view, (view) => view.pins);
  const pin = pins[pins.length - 1] ?? { row: Math.floor(cube.rows / 2), col: Math.floor(cube.cols / 2) };
  const svg = useRef<SVGSVGElement>(null);
  const predictions = usePixel(models, pin);
  const names = models.map(({ model }) => `${model.name}@${model.version}`);
  const forward = models[0].model.network.direction === "im2spec";
  const { axes, quantity, unit } = cube.record;
  const curvesOf = ([one, two]: Map<string, Grid>[]): Curve[] => [
    { label: "measured", colour: "var(--measured)", of: "measured", values: one.get("measured")!.data },
    ...[one, two].map((arrays, i): Curve => ({
      label: names[i],
      colour: COLOURS[i],
      of: "predicted",
      values: arrays.get("predicted")!.data,
    })),
  ];
  return (
    <Panel
      title={`Row ${pin.row}, column ${pin.col}`}
      note={<PixelFields pin={pin} cube={cube} />}
      exports={{
        name: `${names.join(" against ")} row ${pin.row} column ${pin.col}`,
        curl: app.api.curl(`${models[0].base}/predictions?row=${pin.row}&col=${pin.col}`),
        files: forward && predictions.state === "ready"
          ? {
            svg: () => svgBlob(svg.current!),
            png: () => pngOfSvg(svg.current!),
            csv: () => tableOf(axes.spectral.values, axes.spectral.name, curvesOf(predictions.value)),
          }
          : undefined,
      }}
    >
      <ul class="legend" aria-label="Legend">
        <li>
          <span class="key key-measured" /> measured
        </li>
        {names.map((name, i) => (
          <li key={name}>
            <span class="key key-predicted" style={{ color: COLOURS[i] }} /> {name}
          </li>
        ))}
      </ul>
      <Loaded of={predictions}>
        {(both) =>
          forward
            ? (
              <SpectrumPlot
                svg={svg}
                axis={axes.spectral}
                quantity={quantity}
                unit={unit}
                curves={curvesOf(both)}
                residuals={[]}
                isLoop={isLoop}
                label={`Measured spectrum and the predictions of ${names.join(" and ")}`}
              />
            )
            : <Patches models={models} predictions={both} names={names} />}
      </Loaded>
    </Panel>
  );
}

function usePixel(models: readonly ModelSource[], { row, col }: Pin): Resource<Map<string, Grid>[]> {
  const app = useApp();
  const paths = models.map(({ base }) => `${base}/predictions?row=${row}&col=${col}`);
  return useHeld(useResource(app.cache, `pair ${paths.join(" ")}`, (onPending) => {
    return Promise.all(paths.map((path) => app.api.arrays(path, { onPending })));
  }));
}

/** Row and column as numbers, for the keyboard. */
function PixelFields({ pin, cube }: { pin: Pin; cube: CubeSource }) {
  const app = useApp();
  const field = (name: "row" | "col", label: string, count: number) => (
    <label>
      {label}{" "}
      <input
        type="number"
        min={0}
        max={count - 1}
        value={pin[name]}
        onChange={(event) => {
          const value = Math.min(count - 1, Math.max(0, Math.floor(event.currentTarget.valueAsNumber || 0)));
          app.view.set({ pins: [{ ...pin, [name]: value }] });
        }}
      />
    </label>
  );
  return <span class="pixel-fields">{field("row", "row", cube.rows)} {field("col", "column", cube.cols)}</span>;
}

function Patches({ models, predictions, names }: {
  models: readonly ModelSource[];
  predictions: Map<string, Grid>[];
  names: string[];
}) {
  const table = useMemo(() => colourTable("viridis"), []);
  const shown: [string, Float32Array | undefined][] = [
    ["measured", predictions[0].get("patch")?.data],
    ...predictions.map((arrays, i): [string, Float32Array | undefined] => [names[i], arrays.get("predicted")?.data]),
  ];
  const range = extent(...shown.map(([, values]) => values ?? []));
  return (
    <div class="patches">
      {shown.map(([name, values]) =>
        values && (
          <figure key={name}>
            <PatchView values={values} width={models[0].window} table={table} range={range} label={`Patch, ${name}`} />
            <figcaption>{name}</figcaption>
          </figure>
        )
      )}
    </div>
  );
}

function tableOf(steps: readonly number[], name: string, curves: Curve[]): Blob {
  const head = [name || "axis", ...curves.map(({ label }) => label)];
  return csvBlob([head, ...steps.map((step, i) => [step, ...curves.map(({ values }) => values[i])])]);
}
