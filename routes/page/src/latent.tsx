import { useEffect, useMemo } from "preact/hooks";
import { useApp } from "./context.ts";
import { csvBlob, pngOfCanvases } from "./exports.ts";
import { DecodePanel } from "./decode_panel.tsx";
import { classTable } from "./colour_maps.ts";
import { useLayer } from "./use_layer.ts";
import { colourRange, tableFor } from "./map_painter.ts";
import { MapView } from "./map_view.tsx";
import { ManifoldPanel } from "./manifold_panel.tsx";
import { MixturePanel } from "./mixture_panel.tsx";
import type { Predictions } from "./model_source.ts";
import { Panel } from "./panel.tsx";
import { pickPin, pinColour } from "./pins.ts";
import { useResource } from "./resource_cache.ts";
import { ScatterPanel } from "./scatter_panel.tsx";
import type { Derived, Session } from "./session.ts";
import { Empty, Loaded } from "./status.tsx";
import { useStore } from "./store.ts";
import { NO_SELECTION, type ViewState } from "./view_state.ts";

/** The latent space of the chosen model: scatter, map, decoded point, manifold and mixture, all linked. */
export function Latent({ session, derived }: { session: Session; derived: Derived }) {
  const app = useApp();
  const resource = useResource(app.cache, session.model ? derived.predictions.key : null, derived.predictions.load);
  if (!session.model) {
    return (
      <Empty title="Choose a model">
        <p>The latent space belongs to a model: pick one above, or train one.</p>
      </Empty>
    );
  }
  return (
    <Loaded of={resource}>
      {(predictions) => <Spaces session={session} derived={derived} predictions={predictions} />}
    </Loaded>
  );
}

interface SpacesProps {
  session: Session;
  derived: Derived;
  predictions: Predictions;
}

function Spaces({ session, derived, predictions }: SpacesProps) {
  const app = useApp();
  const view = useStore(app.view, (v) => v);
  const scatter = view.scatter === "class" ? "class" : view.layer;
  const { layer } = useLayer(session, derived, scatter);
  const table = useMemo(() => layer && tableFor(layer, view.colours), [layer?.kind, view.colours]);
  const range = useMemo(() => layer ? colourRange(layer, view.range) : [0, 1] as [number, number], [layer, view.range]);
  const { layer: classes } = useLayer(session, derived, "class");
  const selected = useMemo(() => {
    if (view.only >= 0 && classes) return Uint8Array.from(classes.values_HW, (label) => Number(label === view.only));
    return selectionOf(predictions, view, session.cube!.record.shape);
  }, [predictions, view.brush, view.pick, view.only, view.dims, classes]);
  useEffect(() => {
    app.ui.set({ selected });
    return () => app.ui.set({ selected: null });
  }, [selected]);
  return (
    <div class="latent-grid">
      <ScatterPanel
        session={session}
        predictions={predictions}
        colouring={layer && table ? { layer, table: table ?? classTable(), range } : undefined}
        selected={selected}
      />
      <LinkedMap session={session} layer={layer} table={table} range={range} selected={selected} />
      <DecodePanel session={session} predictions={predictions} />
      <ManifoldPanel session={session} />
      <MixturePanel session={session} derived={derived} />
    </div>
  );
}

function LinkedMap({ session, layer, table, range, selected }: {
  session: Session;
  layer: ReturnType<typeof useLayer>["layer"];
  table: Uint32Array | undefined;
  range: readonly [number, number];
  selected: Uint8Array | null;
}) {
  const app = useApp();
  const pins = useStore(app.view, (view) => view.pins);
  const hover = useStore(app.ui, (ui) => ui.hover);
  const { record } = session.cube!;
  const { row0, col0, rows, cols } = session.model!.positions;
  const count = selected?.reduce((sum, value) => sum + value, 0);
  return (
    <Panel
      title="On the map"
      class="latent-map"
      exports={{
        name: `${record.name} latent map`,
        curl: layer && app.api.curl(layer.path, { accept: "application/x-npy" }),
        files: {
          png: () => pngOfCanvases([...document.querySelectorAll<HTMLCanvasElement>(".latent-map .map canvas")]),
          ...(selected ? { csv: () => csvOfSelection(selected, record.shape[1]) } : {}),
        },
      }}
      note={<span>{count === undefined ? "drag a rectangle" : `${count} pixels selected`}</span>}
    >
      <div class="map-frame">
        <MapView
          record={record}
          layer={layer}
          table={table ?? new Uint32Array(256)}
          range={range}
          zoom={null}
          drag="box"
          label="Map linked with the latent plane; drag a rectangle to select pixels"
          overlay={{
            pins: pins.map((pin, i) => ({ at: pin, colour: pinColour(i), focus: i === pins.length - 1 })),
            hover,
            radius: 0,
            window: 0,
            reach: [row0, col0, rows, cols],
            marks: [],
            outlines: [],
            selected,
          }}
          onZoom={() => {}}
          onHover={(pin) => app.ui.set({ hover: pin })}
          onPick={(pin, add) => pickPin(app, pin, add)}
          onBox={(pick) => app.view.set({ pick, brush: null, only: -1 })}
          onRemove={() => app.view.set(NO_SELECTION)}
        />
      </div>
    </Panel>
  );
}

/** Row and column of every selected pixel. */
function csvOfSelection(selected: Uint8Array, cols: number): Blob {
  const pixels = [...selected.keys()].filter((pixel) => selected[pixel]);
  return csvBlob([["row", "col"], ...pixels.map((pixel) => [Math.floor(pixel / cols), pixel % cols])]);
}

/** Pixels inside the brush of the latent plane, or inside the rectangle on the map; null without either. */
function selectionOf(predictions: Predictions, view: ViewState, shape: readonly number[]): Uint8Array | null {
  const { brush, pick, dims: [a, b] } = view;
  if (!brush && !pick) return null;
  const selected = new Uint8Array(shape[0] * shape[1]);
  const { positions: { row0, col0, rows, cols }, latents, latentCount } = predictions;
  for (let n = 0; n < rows * cols; n++) {
    const [row, col] = [row0 + Math.floor(n / cols), col0 + n % cols];
    const [x, y] = [latents[n * latentCount + a], latents[n * latentCount + b]];
    const inside = brush
      ? x >= brush[0] && x <= brush[2] && y >= brush[1] && y <= brush[3]
      : row >= pick![0] && row < pick![0] + pick![2] && col >= pick![1] && col < pick![1] + pick![3];
    selected[row * shape[1] + col] = Number(inside);
  }
  return selected;
}
