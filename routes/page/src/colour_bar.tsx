import { useLayoutEffect, useRef } from "preact/hooks";
import { classTable, cssColour } from "./colour_maps.ts";
import type { Layer } from "./layers.ts";
import { numberText, ticks, unitFor } from "./quantity_text.ts";

/** The colours of a map with their values, or one swatch a class. */
export function ColourBar({ layer, table, range }: {
  layer: Layer;
  table: Uint32Array;
  range: readonly [number, number];
}) {
  return layer.kind === "class" ? <ClassKey layer={layer} /> : <Scale layer={layer} table={table} range={range} />;
}

function Scale({ layer, table, range }: { layer: Layer; table: Uint32Array; range: readonly [number, number] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    context.putImageData(new ImageData(new Uint8ClampedArray(table.slice().buffer as ArrayBuffer), 256, 1), 0, 0);
  }, [table]);
  const [factor, unit] = unitFor(Math.max(Math.abs(range[0]), Math.abs(range[1])), layer.unit);
  const marks = ticks([range[0], range[1]], 4);
  const place = (value: number) => `${(value - range[0]) / (range[1] - range[0]) * 100}%`;
  return (
    <div class="colour-bar">
      <p class="colour-title">
        {layer.title || "Value"}
        {unit && <span class="muted">{unit}</span>}
      </p>
      <canvas ref={canvas} width={256} height={1} aria-hidden="true" />
      <div class="colour-ticks">
        {marks.map((value) => <span key={value} style={{ left: place(value) }}>{numberText(value * factor, 3)}</span>)}
      </div>
    </div>
  );
}

function ClassKey({ layer }: { layer: Layer }) {
  const table = classTable();
  const counts = new Map<number, number>();
  for (const value of layer.values_HW) if (value === value) counts.set(value, (counts.get(value) ?? 0) + 1);
  return (
    <ul class="class-key" aria-label={layer.title}>
      {[...counts.keys()].sort((a, b) => a - b).map((label) => (
        <li key={label}>
          <span class="swatch" style={{ background: cssColour(table[label]) }} /> {label + 1}
          <span class="muted">{counts.get(label)} px</span>
        </li>
      ))}
    </ul>
  );
}
