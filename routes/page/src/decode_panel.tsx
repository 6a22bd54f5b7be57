import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { extent, isGrid, percentile, reviveArrays, sortedFinite, type Tree } from "./arrays.ts";
import { colourTable } from "./colour_maps.ts";
import { type App, useApp } from "./context.ts";
import { csvBlob, pngOfSvg, svgBlob } from "./exports.ts";
import { subscript } from "./layers.ts";
import type { ModelSource, Predictions } from "./model_source.ts";
import { Panel } from "./panel.tsx";
import { PatchView } from "./patch_view.tsx";
import { numberText } from "./quantity_text.ts";
import type { Session } from "./session.ts";
import { SpectrumPlot } from "./spectrum_plot.tsx";
import { Failure, Waiting } from "./status.tsx";
import { useStore } from "./store.ts";

const MIN_INTERVAL_MS = 40;

/** What the decoder makes of the ring's place in the latent plane, as the ring moves. */
export function DecodePanel({ session, predictions }: { session: Session; predictions: Predictions }) {
  const app = useApp();
  const view = useStore(app.view, (v) => v);
  const model = session.model!;
  const { record } = session.cube!;
  const svg = useRef<SVGSVGElement>(null);
  const centre = useMemo(() => centreOf(predictions), [predictions]);
  const latent = useMemo(() => latentAt(centre, view.dims, view.probe), [centre, view.dims, view.probe]);
  const { output, error } = useDecoded(app, model, latent);
  const forward = model.model.network.direction === "im2spec";
  const body = { latents: [Array.from(latent, (z) => +z.toPrecision(5))] };
  const axis = model.model.axis ?? record.axes.spectral;
  return (
    <Panel
      title={forward ? "Decoded loop" : "Decoded patch"}
      class="latent-decode"
      note={
        <span>
          {Array.from(latent.slice(0, 4), (z, d) => `z${subscript(d + 1)} ${numberText(z, 3)}`).join("  ")}
        </span>
      }
      exports={{
        name: `${model.model.name} decoded`,
        curl: app.api.curl(`${model.version}/decode`, { method: "POST", body }),
        files: output && forward
          ? {
            svg: () => svgBlob(svg.current!),
            png: () => pngOfSvg(svg.current!),
            csv: () => csvBlob(axis.values.map((v, i) => [v, output[i]])),
          }
          : output && { csv: () => csvBlob([Array.from(output)]) },
      }}
    >
      {error && <Failure error={error} />}
      {!output && !error && <Waiting text="Decoding …" />}
      {output && forward && (
        <SpectrumPlot
          svg={svg}
          axis={axis}
          quantity={record.quantity}
          unit={record.unit}
          curves={[{ label: "decoded", colour: "var(--predicted)", of: "predicted", values: output }]}
          residuals={[]}
          isLoop={session.isLoop}
          label="Decoded spectrum"
        />
      )}
      {output && !forward && (
        <PatchView
          values={output}
          width={model.window}
          table={colourTable(view.colours)}
          range={extent(output)}
          label="Decoded patch"
        />
      )}
    </Panel>
  );
}

interface Centre {
  /** Per latent dimension. */
  median: number[];
  middle: number[];
}

function centreOf({ latents, latentCount }: Predictions): Centre {
  const columns = Array.from({ length: latentCount }, (_, d) => {
    return sortedFinite(
      Float32Array.from({ length: latents.length / latentCount }, (_, n) => latents[n * latentCount + d]),
    );
  });
  return {
    median: columns.map((column) => percentile(column, 50)),
    middle: columns.map((column) => (column[0] + column[column.length - 1]) / 2),
  };
}

/** A whole latent vector: the probe in the drawn dimensions, medians in the others. */
function latentAt(
  { median, middle }: Centre,
  [a, b]: readonly [number, number],
  probe: readonly [number, number] | null,
): Float32Array {
  return Float32Array.from(median, (value, d) => {
    if (d === a) return probe?.[0] ?? middle[d];
    return d === b ? probe?.[1] ?? middle[d] : value;
  });
}

/** Decodes the latest latent vector: at most one request at a time and one every 40 ms; what is overtaken is aborted. */
function useDecoded(app: App, model: ModelSource, latent: Float32Array): { output?: Float32Array; error?: Error } {
  const [state, setState] = useState<{ output?: Float32Array; error?: Error }>({});
  const lastMs = useRef(0);
  useEffect(() => {
    const stop = new AbortController();
    const waitMs = Math.max(0, lastMs.current + MIN_INTERVAL_MS - performance.now());
    const timer = setTimeout(async () => {
      lastMs.current = performance.now();
      try {
        const body = { latents: [Array.from(latent)] };
        const answer = await app.api.post(`${model.version}/decode`, body, { signal: stop.signal });
        const { outputs } = reviveArrays(answer) as { [key: string]: Tree };
        if (isGrid(outputs)) setState({ output: outputs.data });
      } catch (error) {
        if (!stop.signal.aborted) setState({ error: error as Error });
      }
    }, waitMs);
    return () => (clearTimeout(timer), stop.abort());
  }, [latent, model]);
  return state;
}
