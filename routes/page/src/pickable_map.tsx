import { useMemo } from "preact/hooks";
import { ColourBar } from "./colour_bar.tsx";
import { colourTable } from "./colour_maps.ts";
import { useApp } from "./context.ts";
import { PatchView } from "./patch_view.tsx";
import { useStore } from "./store.ts";

const LAYER = { id: "", title: "", path: "" };

/** A map with its colours, on which a click chooses the pixel in focus; fields beside the curves choose it by keyboard. */
export function PickableMap({ values, cols, range, unit, title, colours = "viridis" }: {
  values: Float32Array;
  cols: number;
  range: readonly [number, number];
  unit: string;
  title: string;
  colours?: string;
}) {
  const app = useApp();
  const pins = useStore(app.view, (view) => view.pins);
  const table = useMemo(() => colourTable(colours), [colours]);
  const rows = values.length / cols;
  const pin = pins[pins.length - 1];
  const choose = (event: MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const at = (share: number, count: number) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    const row = at((event.clientY - box.top) / box.height, rows);
    const col = at((event.clientX - box.left) / box.width, cols);
    app.view.set({ pins: [{ row, col }] });
  };
  return (
    <figure class="compared-map">
      <figcaption>{title}</figcaption>
      <div class="pickable" style={{ aspectRatio: `${cols} / ${rows}` }} onClick={choose}>
        <PatchView values={values} width={cols} table={table} range={range} label={`Map of ${title}`} />
        {pin && (
          <span
            class="pick-mark"
            aria-hidden="true"
            style={{ left: `${(pin.col + 0.5) / cols * 100}%`, top: `${(pin.row + 0.5) / rows * 100}%` }}
          />
        )}
      </div>
      <ColourBar
        layer={{ ...LAYER, unit, kind: colours === "balance" ? "diverging" : "sequential", values_HW: values }}
        table={table}
        range={range}
      />
    </figure>
  );
}
