import { extent } from "./arrays.ts";
import { colourTable } from "./colour_maps.ts";
import { useApp } from "./context.ts";
import type { CubeSource } from "./cube_source.ts";
import type { ModelSource } from "./model_source.ts";
import { PatchView } from "./patch_view.tsx";
import { numberText } from "./quantity_text.ts";
import { useResource } from "./resource_cache.ts";
import { type Curve, SpectrumPlot } from "./spectrum_plot.tsx";
import { Loaded } from "./status.tsx";

interface Props {
  model: ModelSource;
  cube: CubeSource;
  /** Error maps on the cube's grid. */
  maps: Map<string, Float32Array>;
  isLoop: boolean;
}

const TEST = 3;
const CHOSEN = ["Best", "Middle", "Worst"];

/** Measured and predicted at the best, the middle and the worst of the held-out pixels (all, where none is held out). */
export function ReportPixels({ model, cube, maps, isLoop }: Props) {
  const app = useApp();
  const pixels = chosenPixels(maps);
  const key = `report pixels ${model.base} ${pixels.join(" ")}`;
  const predictions = useResource(
    app.cache,
    pixels.length > 0 ? key : null,
    (onPending) =>
      Promise.all(pixels.map((pixel) => {
        const path = `${model.base}/predictions?row=${Math.floor(pixel / cube.cols)}&col=${pixel % cube.cols}`;
        return app.api.arrays(path, { onPending });
      })),
  );
  const { axes, quantity, unit } = cube.record;
  const forward = model.model.network.direction === "im2spec";
  return (
    <Loaded of={predictions} empty={<p class="muted">No pixel has an error.</p>}>
      {(all) => (
        <div class="report-figures report-pixels">
          {all.map((arrays, i) => {
            const [row, col] = [Math.floor(pixels[i] / cube.cols), pixels[i] % cube.cols];
            const title = `${CHOSEN[i]}: row ${row}, column ${col}, NRMSE ${
              numberText(maps.get("nrmse")![pixels[i]], 3)
            }`;
            const [measured, predicted] = [
              arrays.get(forward ? "measured" : "patch")!.data,
              arrays.get("predicted")!.data,
            ];
            return (
              <figure key={title}>
                <figcaption>{title}</figcaption>
                {forward
                  ? (
                    <SpectrumPlot
                      axis={axes.spectral}
                      quantity={quantity}
                      unit={unit}
                      curves={curvesOf(measured, predicted)}
                      residuals={[]}
                      isLoop={isLoop}
                      label={`Measured and predicted. ${title}`}
                    />
                  )
                  : <PatchPair measured={measured} predicted={predicted} window={model.window} />}
              </figure>
            );
          })}
        </div>
      )}
    </Loaded>
  );
}

function chosenPixels(maps: Map<string, Float32Array>): number[] {
  const [nrmse, part] = [maps.get("nrmse")!, maps.get("part")];
  const all = Array.from(nrmse.keys()).filter((i) => Number.isFinite(nrmse[i]));
  const held = all.filter((i) => part?.[i] === TEST);
  const ranked = (held.length > 0 ? held : all).sort((a, b) => nrmse[a] - nrmse[b]);
  const places = [0, Math.floor(ranked.length / 2), ranked.length - 1];
  return ranked.length > 0 ? places.map((place) => ranked[place]) : [];
}

function curvesOf(measured: Float32Array, predicted: Float32Array): Curve[] {
  return [
    { label: "measured", colour: "var(--measured)", of: "measured", values: measured },
    { label: "predicted", colour: "var(--predicted)", of: "predicted", values: predicted },
  ];
}

function PatchPair({ measured, predicted, window }: {
  measured: Float32Array;
  predicted: Float32Array;
  window: number;
}) {
  const [table, range] = [colourTable("viridis"), extent(measured, predicted)];
  return (
    <div class="patches">
      <PatchView values={measured} width={window} table={table} range={range} label="Measured patch" />
      <PatchView values={predicted} width={window} table={table} range={range} label="Predicted patch" />
    </div>
  );
}
