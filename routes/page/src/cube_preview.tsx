import { useMemo } from "preact/hooks";
import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import { extent, percentile, sortedFinite } from "./arrays.ts";
import { colourTable } from "./colour_maps.ts";
import { useApp } from "./context.ts";
import { quantityText } from "./quantity_text.ts";
import { useResource } from "./resource_cache.ts";
import { PatchView } from "./patch_view.tsx";
import { Loaded } from "./status.tsx";

/** What was met in a file and what was done about it, in plain words, with one map of it. */
export function CubePreview({ cube }: { cube: CubeRecord }) {
  const app = useApp();
  const [rows, cols, points] = cube.shape;
  const middle = Math.floor(points / 2);
  const path = `/v1/cubes/${cube.id}/map?index=${middle}`;
  const map = useResource(app.cache, `preview ${path}`, () => app.api.grid(path));
  const table = useMemo(() => colourTable("viridis"), []);
  const { spectral } = cube.axes;
  const [low, high] = extent(spectral.values);
  return (
    <div class="preview">
      <div class="preview-map">
        <Loaded of={map}>
          {({ data }) => {
            const sorted = sortedFinite(data);
            const range = [percentile(sorted, 2), percentile(sorted, 98)] as const;
            return (
              <PatchView values={data} width={cols} table={table} range={range} label={`Map at step ${middle + 1}`} />
            );
          }}
        </Loaded>
      </div>
      <dl class="facts">
        <Fact name="Read as" value={cube.format} />
        <Fact name="Pixels" value={`${rows} × ${cols}`} />
        <Fact
          name={spectral.name || "Spectral axis"}
          value={`${points} steps, ${quantityText(low, spectral.unit, 3)} to ${quantityText(high, spectral.unit, 3)}`}
        />
        <Fact name="Quantity" value={[cube.quantity, cube.unit].filter(Boolean).join(", ") || "not named"} />
        {cube.maps.length > 0 && <Fact name="Image channels" value={cube.maps.map(({ name }) => name).join(", ")} />}
        <Fact name="Checks" value={healthText(cube)} />
      </dl>
      {cube.warnings?.map((warning) => <p key={warning} class="hint" role="alert">Check before training: {warning}</p>)}
      {cube.notes.length > 0 && (
        <ul class="notes scroll" tabIndex={0} aria-label="Notes on the file">
          {cube.notes.map((note) => <li key={note}>{note}</li>)}
        </ul>
      )}
    </div>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** The repairs of a cube as a sentence. */
export function healthText({ health, shape }: CubeRecord): string {
  const { nan, outliers, failedPixels, repaired } = health;
  if (!nan && !outliers && !failedPixels && !repaired) return "nothing was wrong";
  const share = repaired / (shape[0] * shape[1] * shape[2]) * 100;
  const parts = [
    nan && `${nan} missing values`,
    outliers && `${outliers} outliers`,
    failedPixels && `${failedPixels} failed pixels`,
  ].filter(Boolean);
  const found = parts.length ? parts.join(", ") : "some values";
  return `${found}; ${
    repaired ? `${repaired} values (${Number(share.toPrecision(2))} %) were repaired` : "nothing was replaced"
  }`;
}
