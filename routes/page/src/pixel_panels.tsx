import { useMemo, useRef } from "preact/hooks";
import { extent } from "./arrays.ts";
import { colourTable } from "./colour_maps.ts";
import { useApp } from "./context.ts";
import { csvBlob, npyBlob, pngOfSvg, svgBlob } from "./exports.ts";
import { Panel } from "./panel.tsx";
import { PatchView } from "./patch_view.tsx";
import { pinColour } from "./pins.ts";
import type { PixelData } from "./pixel_data.ts";
import type { Derived, Session } from "./session.ts";
import { type Curve, SpectrumPlot } from "./spectrum_plot.tsx";
import { useStore } from "./store.ts";

export interface PixelPanelProps {
  session: Session;
  derived: Derived;
  pixels: PixelData[];
}

/** Measured and predicted spectra of the pins over each other, with what is left between them. */
export function LoopPanel({ session, pixels, preview }: PixelPanelProps & { preview?: PixelData }) {
  const app = useApp();
  const index = useStore(app.view, (view) => view.index);
  const svg = useRef<SVGSVGElement>(null);
  const { record } = session.cube!;
  const { model } = session;
  const forward = model?.model.network.direction !== "spec2im";
  const [curves, residuals] = useMemo(() => [curvesOf(pixels, preview), residualsOf(pixels)], [pixels, preview]);
  const focus = pixels[pixels.length - 1];
  const name = session.isLoop ? "Loop" : "Spectrum";
  const single = pixels.length === 1;
  const path = focus &&
    (model && forward && model.hasPatch(focus.pin.row, focus.pin.col)
      ? `${model.base}/predictions?row=${focus.pin.row}&col=${focus.pin.col}`
      : `/v1/cubes/${record.id}/spectrum?row=${focus.pin.row}&col=${focus.pin.col}`);
  const table = () => [
    [record.axes.spectral.name || "axis", ...curves.map(({ label }) => label)],
    ...record.axes.spectral.values.map((v, i) => [v, ...curves.map(({ values }) => values[i])]),
  ];
  return (
    <Panel
      class="loop-panel"
      title={forward && model ? `${name}: measured and predicted` : `${name}: measured`}
      exports={{
        name: `${record.name} spectra`,
        curl: path && app.api.curl(path),
        files: {
          svg: () => svgBlob(svg.current!),
          png: () => pngOfSvg(svg.current!),
          csv: () => csvBlob(table()),
          npy: () => npyBlob({ shape: [curves.length, record.shape[2]], data: joined(curves) }),
        },
      }}
    >
      <ul class="legend" aria-label="Legend">
        <li>
          <span class="key key-measured" style={single ? undefined : { color: "var(--ink)" }} /> measured
        </li>
        {forward && model && (
          <li>
            <span class="key key-predicted" style={single ? undefined : { color: "var(--ink)" }} />{" "}
            predicted from the patch
          </li>
        )}
        {session.isLoop && <li class="muted">▸ sweep direction</li>}
        {curves.some(({ band }) => band) && <li class="muted">band: 90 % of the ensemble</li>}
      </ul>
      <SpectrumPlot
        svg={svg}
        axis={record.axes.spectral}
        quantity={record.quantity}
        unit={record.unit}
        curves={curves}
        residuals={residuals}
        isLoop={session.isLoop}
        index={index}
        onIndex={(next) => app.view.set({ index: next })}
        label={`Spectra of ${pixels.length} pins, measured and predicted`}
      />
      {focus && model && forward && !model.hasPatch(focus.pin.row, focus.pin.col) && (
        <p class="notice">
          No prediction here: the {model.window} × {model.window} patch around this pixel leaves the map.
        </p>
      )}
    </Panel>
  );
}

function curvesOf(pixels: PixelData[], preview?: PixelData): Curve[] {
  const single = pixels.length === 1;
  const curves = pixels.flatMap<Curve>(({ pin, measured, predicted, spread }, i) => {
    const place = `row ${pin.row}, column ${pin.col}`;
    const own: Curve[] = [];
    if (measured) {
      own.push({
        label: `measured, ${place}`,
        colour: single ? "var(--measured)" : pinColour(i),
        of: "measured",
        values: measured,
      });
    }
    if (predicted) {
      own.push({
        label: `predicted, ${place}`,
        colour: single ? "var(--predicted)" : pinColour(i),
        of: "predicted",
        values: predicted,
        band: spread,
      });
    }
    return own;
  });
  if (preview?.measured) {
    curves.unshift({ label: "hovered", colour: "var(--muted)", of: "preview", values: preview.measured });
  }
  return curves;
}

function residualsOf(pixels: PixelData[]): Curve[] {
  const single = pixels.length === 1;
  return pixels.flatMap<Curve>(({ measured, predicted }, i) =>
    measured && predicted
      ? [{
        label: "residual",
        colour: single ? "var(--residual)" : pinColour(i),
        of: "measured",
        values: measured.map((value, s) => value - predicted[s]),
      }]
      : []
  );
}

function joined(curves: Curve[]): Float32Array<ArrayBuffer> {
  return Float32Array.from(curves.flatMap(({ values }) => Array.from(values)));
}

/** The patch around the pin in focus: the model's input, or for spec2im also its output. */
export function PatchPanel({ session, pixels }: PixelPanelProps) {
  const app = useApp();
  const colours = useStore(app.view, (view) => view.colours);
  const table = useMemo(() => colourTable(colours), [colours]);
  const focus = pixels[pixels.length - 1];
  const { model } = session;
  if (!model) return null;
  const forward = model.model.network.direction === "im2spec";
  const { patch, predictedPatch } = focus ?? {};
  const range = extent(patch ?? [], predictedPatch ?? []);
  const both = [patch, predictedPatch].filter((values) => values !== undefined) as Float32Array<ArrayBuffer>[];
  const w = model.window;
  return (
    <Panel
      title={forward ? "Input: the patch" : "Measured and predicted patch"}
      class="patch-panel"
      exports={{
        name: `${session.cube!.record.name} patch`,
        curl: focus && app.api.curl(`${model.base}/predictions?row=${focus.pin.row}&col=${focus.pin.col}`),
        files: patch && {
          csv: () => csvBlob(both.flatMap((values) => rowsOf(values, w))),
          npy: () =>
            npyBlob({
              shape: [both.length, w, w],
              data: Float32Array.from(both.flatMap((values) => Array.from(values))),
            }),
        },
      }}
    >
      {patch
        ? (
          <div class="patches">
            <figure>
              <PatchView
                values={patch}
                width={w}
                table={table}
                range={range}
                label={`Measured patch, ${w} by ${w} pixels`}
              />
              <figcaption>{w} × {w} pixels of {model.imageName}</figcaption>
            </figure>
            {predictedPatch && (
              <figure>
                <PatchView values={predictedPatch} width={w} table={table} range={range} label="Predicted patch" />
                <figcaption>predicted from the spectrum</figcaption>
              </figure>
            )}
          </div>
        )
        : <p class="notice">The patch around this pixel leaves the map.</p>}
    </Panel>
  );
}

function rowsOf(values: Float32Array, width: number): number[][] {
  return Array.from(
    { length: values.length / width },
    (_, r) => Array.from(values.subarray(r * width, (r + 1) * width)),
  );
}
