import { useMemo, useState } from "preact/hooks";
import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import { COLOUR_MAPS } from "./colour_maps.ts";
import { ColourBar } from "./colour_bar.tsx";
import { useApp } from "./context.ts";
import { csvOfGrid, npyBlob, pngOfCanvases } from "./exports.ts";
import { type Layer, layerGroups } from "./layers.ts";
import { zoomAbout } from "./map_geometry.ts";
import { type Outline, placeText } from "./map_overlay.ts";
import { colourRange, tableFor } from "./map_painter.ts";
import { MapView } from "./map_view.tsx";
import { Panel } from "./panel.tsx";
import { MAX_PINS, movePin, pickPin, pinColour, removePin } from "./pins.ts";
import { numberText, quantityText } from "./quantity_text.ts";
import { useResource, valueOf } from "./resource_cache.ts";
import type { Derived, Session } from "./session.ts";
import { SliceSlider } from "./slice_slider.tsx";
import { Failure, Waiting } from "./status.tsx";
import { useSuggestions } from "./suggest_panel.tsx";
import { useStore } from "./store.ts";
import { areasOf } from "./training_areas.ts";
import { isStepwise, useLayer } from "./use_layer.ts";
import type { Pin } from "./view_state.ts";

const RANGES: [string, [number, number]][] = [
  ["all values", [0, 100]],
  ["1 to 99 %", [1, 99]],
  ["2 to 98 %", [2, 98]],
  [
    "5 to 95 %",
    [5, 95],
  ],
  ["10 to 90 %", [10, 90]],
];

/** The map with its pickers, slider, colour bar and readout. */
export function MapCard({ session, derived }: { session: Session; derived: Derived }) {
  const app = useApp();
  const cube = session.cube!;
  const { record } = cube;
  const view = useStore(app.view, (v) => v);
  const hover = useStore(app.ui, (ui) => ui.hover);
  const selected = useStore(app.ui, (ui) => ui.selected);
  const [compare, setCompare] = useState(false);
  const { layer, resource } = useLayer(session, derived, view.layer);
  const table = useMemo(() => layer && tableFor(layer, view.colours), [layer?.kind, view.colours]);
  const range = useMemo(
    () => layer ? colourRange(layer, view.range) : [0, 1] as [number, number],
    [layer, view.range[0], view.range[1]],
  );
  const shape = [cube.rows, cube.cols] as const;
  const { pins } = view;
  const window = session.model?.window ?? 0;
  const reach = session.model?.positions;
  const outlines = useMemo<Outline[]>(() => session.model ? areasOf(session.model) : [], [session.model]);
  const marks = valueOf(useSuggestions(session)) ?? [];
  const focus = pins[pins.length - 1];
  const at = hover ?? focus;
  const stepwise = isStepwise(view.layer);
  const files = layer && {
    png: () => pngOfCanvases([...document.querySelectorAll<HTMLCanvasElement>("#map-panel .map canvas")]),
    csv: () => csvOfGrid({ shape: [...shape], data: layer.values_HW as Float32Array<ArrayBuffer> }),
    npy: () => npyBlob({ shape: [...shape], data: layer.values_HW as Float32Array<ArrayBuffer> }),
  };
  return (
    <Panel
      id="map-panel"
      title="Map"
      class="map-panel"
      note={<LayerPicker session={session} derived={derived} />}
      exports={{
        name: `${record.name} ${view.layer}`,
        curl: layer && app.api.curl(layer.path, { accept: "application/x-npy" }),
        files,
      }}
    >
      <div class="map-frame">
        <MapView
          record={record}
          layer={layer}
          table={table ?? new Uint32Array(256)}
          range={range}
          zoom={view.zoom}
          drag="pan"
          label={`Map of ${layer?.title ?? "the cube"}, ${cube.rows} by ${cube.cols} pixels. ${
            pins.length ? `Pin at row ${focus.row}, column ${focus.col}.` : ""
          } Arrow keys move the pin, Delete removes it.`}
          overlay={{
            pins: pins.map((pin, i) => ({ at: pin, colour: pinColour(i), focus: i === pins.length - 1 })),
            hover,
            radius: view.radius,
            window,
            reach: reach ? [reach.row0, reach.col0, reach.rows, reach.cols] : null,
            marks,
            outlines,
            selected,
          }}
          onZoom={(zoom) => app.view.set({ zoom })}
          onHover={(pin) => {
            const old = app.ui.get().hover;
            if (old?.row !== pin?.row || old?.col !== pin?.col) app.ui.set({ hover: pin });
          }}
          onPick={(pin, add) => pickPin(app, pin, add || compare)}
          onRemove={(pin) => removePin(app, pin)}
          onMove={(rows, cols) => movePin(app, [rows, cols], shape)}
        />
        {resource.state === "loading" && (
          <div class="map-veil">
            <Waiting text={resource.pending ? "Computing this map …" : "Loading this map …"} />
          </div>
        )}
        {resource.state === "failed" && (
          <div class="map-veil">
            <Failure error={resource.error} retry={resource.retry} />
          </div>
        )}
        <ZoomButtons shape={shape} />
      </div>
      {layer && table && <ColourBar layer={layer} table={table} range={range} />}
      {stepwise && <SliceSlider axis={record.axes.spectral} cube={cube} isLoop={session.isLoop} />}
      <p class="readout" aria-live="off">
        {at && layer ? readout(at, layer, record) : "Point at a pixel"}
      </p>
      <div class="map-tools">
        <label>
          Range
          <select
            value={RANGES.findIndex(([, [a, b]]) => a === view.range[0] && b === view.range[1])}
            onChange={(event) => app.view.set({ range: RANGES[Number(event.currentTarget.value)][1] })}
          >
            {RANGES.map(([label], i) => <option key={label} value={i}>{label}</option>)}
          </select>
        </label>
        <label>
          Colours
          <select value={view.colours} onChange={(event) => app.view.set({ colours: event.currentTarget.value })}>
            <option value="">automatic</option>
            {COLOUR_MAPS.map((name) => <option key={name}>{name}</option>)}
          </select>
        </label>
        <label>
          Average over
          <select
            value={view.radius}
            onChange={(event) => app.view.set({ radius: Number(event.currentTarget.value) })}
          >
            {[0, 1, 2, 3, 5, 8].map((r) => <option key={r} value={r}>{r === 0 ? "1 pixel" : `radius ${r}`}</option>)}
          </select>
        </label>
        <label class="check">
          <input type="checkbox" checked={compare} onChange={(event) => setCompare(event.currentTarget.checked)} />
          Add pins
        </label>
      </div>
      <PinList />
    </Panel>
  );
}

function readout(at: Pin, layer: Layer, record: CubeRecord) {
  const value = layer.values_HW[at.row * record.shape[1] + at.col];
  const place = placeText(at, record);
  const text = layer.kind === "class"
    ? Number.isFinite(value) ? `class ${value + 1}` : "no class"
    : Number.isFinite(value)
    ? quantityText(value, layer.unit)
    : "no value";
  return (
    <>
      <strong>{text}</strong> at row {at.row}, column {at.col}
      {place && <span class="muted">· {place}</span>}
    </>
  );
}

function LayerPicker({ session, derived }: { session: Session; derived: Derived }) {
  const app = useApp();
  const layer = useStore(app.view, (view) => view.layer);
  const warm = useStore(app.ui, (ui) => ui.warm);
  const measured = useResource(
    app.cache,
    session.isLoop && warm ? derived.measuredLoops.key : null,
    derived.measuredLoops.load,
  );
  const groups = useMemo(
    () => layerGroups(session.cube!, session.model, { measured: valueOf(measured), isLoop: session.isLoop }),
    [session.cube, session.model, measured.state],
  );
  const known = groups.some(({ choices }) => choices.some(({ id }) => id === layer));
  return (
    <select
      class="layer-picker"
      aria-label="What the map shows"
      value={layer}
      onChange={(event) => app.view.set({ layer: event.currentTarget.value })}
    >
      {!known && <option value={layer}>{layer}</option>}
      {groups.map(({ label, choices }) => (
        <optgroup key={label} label={label}>
          {choices.map((choice) => <option key={choice.id} value={choice.id}>{choice.label}</option>)}
        </optgroup>
      ))}
    </select>
  );
}

function ZoomButtons({ shape }: { shape: readonly [number, number] }) {
  const app = useApp();
  const zoom = useStore(app.view, (view) => view.zoom);
  const by = (factor: number) => {
    const [rows, cols] = shape;
    const [, col, row] = zoom ?? [1, cols / 2, rows / 2];
    const unit = { left: 0, top: 0, pixelWidth: 1, pixelHeight: 1, rows, cols };
    const next = zoomAbout(unit, { width: 0, height: 0 }, { zoom, factor, x: col, y: row });
    app.view.set({ zoom: next && [next[0], col, row] });
  };
  return (
    <div class="zoom-buttons">
      <button type="button" aria-label="Zoom in" onClick={() => by(1.6)}>+</button>
      <button type="button" aria-label="Zoom out" disabled={!zoom} onClick={() => by(1 / 1.6)}>−</button>
      {zoom && <button type="button" aria-label="Whole map" onClick={() => app.view.set({ zoom: null })}>⤢</button>}
    </div>
  );
}

function PinList() {
  const app = useApp();
  const pins = useStore(app.view, (view) => view.pins);
  if (pins.length < 2) {
    return (
      <p class="hint">
        Click pins a pixel, shift-click compares up to {MAX_PINS}; arrow keys move it, Delete removes it.
      </p>
    );
  }
  return (
    <ul class="pin-list" aria-label="Pins">
      {pins.map((pin, i) => (
        <li key={`${pin.row}.${pin.col}`}>
          <button
            type="button"
            class={i === pins.length - 1 ? "chip chip-on" : "chip"}
            onClick={() => pickPin(app, pin, false)}
          >
            <span class="swatch" style={{ background: pinColour(i) }} /> {pin.row}, {pin.col}
          </button>
          <button
            type="button"
            class="chip-remove"
            aria-label={`Remove pin ${pin.row}, ${pin.col}`}
            onClick={() => removePin(app, pin)}
          >
            ×
          </button>
        </li>
      ))}
    </ul>
  );
}

export function percentText(value: number): string {
  return Number.isFinite(value) ? `${numberText(value * 100, 3)} %` : "–";
}
