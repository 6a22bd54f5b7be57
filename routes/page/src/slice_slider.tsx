import type { Axis } from "../../../lib/schemas/cube.ts";
import { useApp } from "./context.ts";
import type { CubeSource } from "./cube_source.ts";
import { titled } from "./spectrum_plot.tsx";
import { quantityText } from "./quantity_text.ts";
import { useStore } from "./store.ts";

/** Chooses the spectral step of the map; the former slice stays until the next one is there. */
export function SliceSlider({ axis, cube, isLoop }: { axis: Axis; cube: CubeSource; isLoop: boolean }) {
  const app = useApp();
  const index = useStore(app.view, (view) => view.index);
  const last = axis.values.length - 1;
  const value = axis.values[Math.min(index, last)];
  const move = (event: Event) => {
    const next = Number((event.currentTarget as HTMLInputElement).value);
    app.view.set({ index: next });
    for (const near of [next + 1, next - 1]) if (near >= 0 && near <= last) void cube.slice(near).catch(() => {});
  };
  return (
    <div class="slider">
      <label for="slice">{titled(axis.name, "")}</label>
      <input
        id="slice"
        type="range"
        min={0}
        max={last}
        value={index}
        onInput={move}
        aria-valuetext={`${quantityText(value, axis.unit)}, step ${index + 1} of ${last + 1}`}
      />
      <output for="slice">
        {quantityText(value, axis.unit)}
        <span class="muted">{isLoop ? direction(axis.values, index) : ""} {index + 1}/{last + 1}</span>
      </output>
    </div>
  );
}

/** Whether the sweep is going up or down at a step. */
function direction(values: readonly number[], index: number): string {
  const before = values[Math.max(0, index - 1)];
  const after = values[Math.min(values.length - 1, index + 1)];
  return after > before ? "↗" : after < before ? "↘" : "";
}
