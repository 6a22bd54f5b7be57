import { useMemo, useState } from "preact/hooks";
import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import type { ExperimentView } from "../../../lib/schemas/experiment.ts";
import { ColourBar } from "./colour_bar.tsx";
import { useApp } from "./context.ts";
import { frameOf, pathOf, usePrediction } from "./experiment_source.ts";
import { pngOfCanvases } from "./exports.ts";
import type { Layer } from "./layers.ts";
import { colourRange, tableFor } from "./map_painter.ts";
import { MapView } from "./map_view.tsx";
import { Panel } from "./panel.tsx";
import { quantityText } from "./quantity_text.ts";
import { useResource, valueOf } from "./resource_cache.ts";
import { useStore } from "./store.ts";

type Shown = "image" | "mean" | "spread";
const SHOWN: [Shown, string][] = [["image", "Image"], ["mean", "Prediction at one step"], ["spread", "Spread"]];

/** The map of an experiment: measured points as dots, the next ones numbered. */
export function ExperimentMap({ record, cube }: { record: ExperimentView; cube: CubeRecord | undefined }) {
  const app = useApp();
  const steps = record.points ?? 1;
  const index = Math.min(useStore(app.view, (view) => view.index), steps - 1);
  const [shown, setShown] = useState<Shown>("image");
  const imagePath = `${pathOf(record.id)}/image`;
  const image = valueOf(useResource(app.cache, imagePath, () => app.api.grid(imagePath)));
  const prediction = valueOf(usePrediction(record, index));
  const frame = useMemo(() => frameOf(record, cube), [record.id, cube, record.points]);
  const values_HW = shown === "image" ? image?.data : prediction?.get(shown)?.data;
  const layer = useMemo<Layer | undefined>(() => {
    if (!values_HW) return undefined;
    const title = shown === "image" ? "Image" : record.quantity || "Response";
    const unit = shown === "image" ? "" : record.unit ?? "";
    const path = shown === "image" ? imagePath : `${pathOf(record.id)}/prediction?index=${index}`;
    return { id: shown, title, unit, kind: "sequential", values_HW, path };
  }, [values_HW, shown]);
  const table = useMemo(() => layer && tableFor(layer, ""), [layer]);
  const range = useMemo(() => layer ? colourRange(layer, [2, 98]) : [0, 1] as [number, number], [layer]);
  const bias = record.axis?.values[index];
  return (
    <Panel
      title="Map"
      class="experiment-map"
      note={
        <select
          aria-label="What the map shows"
          value={shown}
          onChange={(event) => setShown(event.currentTarget.value as Shown)}
        >
          {SHOWN.map(([id, label]) => <option key={id} value={id}>{label}</option>)}
        </select>
      }
      exports={{
        name: `${record.name} ${shown}`,
        curl: layer && app.api.curl(layer.path),
        files: {
          png: () => pngOfCanvases([...document.querySelectorAll<HTMLCanvasElement>(".experiment-map .map canvas")]),
        },
      }}
    >
      <div class="map-frame">
        <MapView
          record={frame}
          layer={layer}
          table={table ?? new Uint32Array(256)}
          range={range}
          zoom={null}
          drag="pan"
          label={`Map of the experiment: ${record.measured} points are measured, ${record.next.length} are next.`}
          overlay={{
            ...{ pins: [], hover: null, radius: 0, window: 0, reach: null, outlines: [], selected: null },
            marks: record.state === "open" ? record.next : [],
            dots: prediction?.get("measured")?.data,
          }}
          onZoom={() => {}}
          onHover={() => {}}
        />
      </div>
      {layer && table && <ColourBar layer={layer} table={table} range={range} />}
      {!layer && <p class="notice">There is a prediction once 8 points were learned from.</p>}
      {shown === "mean" && (
        <div class="slider">
          <label for="experiment-step">Step</label>
          <input
            id="experiment-step"
            type="range"
            min={0}
            max={steps - 1}
            value={index}
            onInput={(event) => app.view.set({ index: Number(event.currentTarget.value) })}
          />
          <output for="experiment-step">
            {bias !== undefined && quantityText(bias, record.axis!.unit)} <span class="muted">{index + 1}/{steps}</span>
          </output>
        </div>
      )}
    </Panel>
  );
}
