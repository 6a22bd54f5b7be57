import { useApp } from "./context.ts";
import { ColourBar } from "./colour_bar.tsx";
import { type Layer, loadLayer } from "./layers.ts";
import { colourRange, tableFor } from "./map_painter.ts";
import { PatchView } from "./patch_view.tsx";
import { useResource } from "./resource_cache.ts";
import type { Derived, Session } from "./session.ts";
import { Loaded } from "./status.tsx";
import { useStore } from "./store.ts";

/** What goes in, what comes out, where it fails, and the first latents. */
export function ReportMaps({ session, derived }: { session: Session; derived: Derived }) {
  const app = useApp();
  const index = useStore(app.view, (view) => view.index);
  const { model, cube } = session;
  const forward = model!.model.network.direction === "im2spec";
  const latents = Array.from({ length: Math.min(2, model!.model.network.latent) }, (_, d) => `latent:${d}`);
  const ids = ["slice", ...(forward ? ["predicted"] : []), "error:nrmse", ...latents];
  const layers = useResource(
    app.cache,
    `report ${model!.base} ${index}`,
    () => Promise.all(ids.map((id) => loadLayer(id, derived.inputs(index)))),
  );
  const { values, name, unit } = cube!.record.axes.spectral;
  const step = `${name} ${Number((values[index] ?? NaN).toPrecision(4))} ${unit}`.trim();
  return (
    <Loaded of={layers}>
      {(loaded) => (
        <div class="report-figures">
          {loaded.map((layer, i) => (
            <figure key={layer.id}>
              <figcaption>{i === 0 ? `Measured at ${step}` : layer.title}</figcaption>
              <MapFigure layer={layer} cols={cube!.cols} />
            </figure>
          ))}
        </div>
      )}
    </Loaded>
  );
}

function MapFigure({ layer, cols }: { layer: Layer; cols: number }) {
  const table = tableFor(layer, "");
  const range = colourRange(layer, [2, 98]);
  return (
    <>
      <PatchView values={layer.values_HW} width={cols} table={table} range={range} label={`Map: ${layer.title}`} />
      <ColourBar layer={layer} table={table} range={range} />
    </>
  );
}
