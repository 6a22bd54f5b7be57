import { useApp } from "./context.ts";
import { csvBlob } from "./exports.ts";
import { ERROR_MAPS, loopTitle } from "./layers.ts";
import { isShownAlone, type LoopMaps } from "./loop_maps.ts";
import { Panel } from "./panel.tsx";
import { useWarnings } from "./pixel_data.ts";
import type { PixelPanelProps } from "./pixel_panels.tsx";
import { numberText, quantityText, unitFor } from "./quantity_text.ts";
import { useHeld, useResource, valueOf } from "./resource_cache.ts";
import type { Derived, Session } from "./session.ts";
import { Failure, Waiting } from "./status.tsx";
import { useStore } from "./store.ts";

interface Row {
  name: string;
  unit: string;
  measured: number;
  predicted: number;
  /** Standard errors of a fitted parameter; NaN for others. */
  errors: [measured: number, predicted: number];
}

function rowsAt(pixel: number, measured: LoopMaps, predicted: LoopMaps | undefined): Row[] {
  const at = (maps: LoopMaps | undefined, name: string) => maps?.maps.get(name)?.[pixel] ?? NaN;
  return [...measured.maps.keys()].filter(isShownAlone).map((name) => ({
    name,
    unit: measured.unit(name),
    measured: at(measured, name),
    predicted: at(predicted, name),
    errors: [at(measured, `${name}Error`), at(predicted, `${name}Error`)],
  }));
}

/** Loop parameters of the pin in focus, measured beside predicted, and the errors of its prediction. */
export function ParameterPanel({ session, derived, pixels }: PixelPanelProps) {
  const app = useApp();
  const { cube, model, isLoop } = session;
  const { record } = cube!;
  const forward = model?.model.network.direction === "im2spec";
  const warm = useStore(app.ui, (ui) => ui.warm);
  const fit = useStore(app.view, (view) => view.fit);
  const asked = useResource(app.cache, isLoop && warm ? derived.measuredLoops.key : null, derived.measuredLoops.load);
  const measured = valueOf(useHeld(asked));
  const predicted = valueOf(useHeld(
    useResource(app.cache, isLoop && forward && warm ? derived.predictedLoops.key : null, derived.predictedLoops.load),
  ));
  const focus = pixels[pixels.length - 1];
  const warnings = useWarnings(session, focus);
  if (!focus) return null;
  const pixel = focus.pin.row * cube!.cols + focus.pin.col;
  const rows = measured ? rowsAt(pixel, measured, predicted) : [];
  const query = fit ? "?fit=true" : "";
  return (
    <Panel
      title={isLoop ? "Loop parameters" : model ? "Errors" : "Parameters"}
      class="parameter-panel"
      note={isLoop && (
        <label class="check-inline">
          <input
            type="checkbox"
            checked={fit}
            onChange={(event) => app.view.set({ fit: event.currentTarget.checked })}
          />
          nine-parameter fit
        </label>
      )}
      exports={isLoop
        ? {
          name: `${record.name} parameters`,
          curl: app.api.curl(forward ? `${model!.base}/loops${query}` : `/v1/cubes/${record.id}/loops${query}`),
          files: rows.length ? { csv: () => csvOf(rows) } : undefined,
        }
        : undefined}
    >
      {warnings.map((text) => <p key={text} class="warning">{text}</p>)}
      <PixelErrors session={session} derived={derived} pixel={pixel} />
      {!isLoop && (
        <p class="notice">
          This axis goes one way only: there are no branches, so there is no coercive bias, imprint or loop area.
        </p>
      )}
      {asked.state === "loading" && (
        <Waiting
          text={fit ? "Fitting every loop of the map …" : "Measuring the loops …"}
        />
      )}
      {asked.state === "failed" && <Failure error={asked.error} retry={asked.retry} />}
      {rows.length > 0 && <ParameterTable rows={rows} withPrediction={forward} />}
    </Panel>
  );
}

function PixelErrors({ session, derived, pixel }: { session: Session; derived: Derived; pixel: number }) {
  const app = useApp();
  const { cube, model } = session;
  const { unit, axes } = cube!.record;
  const warm = useStore(app.ui, (ui) => ui.warm);
  const errors = valueOf(useResource(app.cache, model && warm ? derived.errors.key : null, derived.errors.load));
  const kinds = [...errors ?? []].filter(([name]) => ERROR_MAPS[name]);
  if (kinds.length === 0) return null;
  return (
    <dl class="facts">
      {kinds.map(([name, map]) => (
        <div key={name}>
          <dt>{ERROR_MAPS[name].title}</dt>
          <dd>{quantityText(map[pixel], ERROR_MAPS[name].unit(unit, axes.spectral.unit), 3)}</dd>
        </div>
      ))}
    </dl>
  );
}

function ParameterTable({ rows, withPrediction }: { rows: Row[]; withPrediction: boolean }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Loop parameters">
      <table>
        <thead>
          <tr>
            <th scope="col">Parameter</th>
            <th scope="col">Measured</th>
            {withPrediction && <th scope="col">Predicted</th>}
            {withPrediction && <th scope="col">Difference</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, unit, measured, predicted, errors }) => (
            <tr key={name}>
              <th scope="row">{loopTitle(name)}</th>
              <td>{withError(measured, errors[0], unit)}</td>
              {withPrediction && <td>{withError(predicted, errors[1], unit)}</td>}
              {withPrediction && <td>{quantityText(predicted - measured, unit, 3)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** `44.1 ± 0.3 pm`; without an error the value alone. */
function withError(value: number, error: number, unit: string): string {
  if (!Number.isFinite(error) || !Number.isFinite(value)) return quantityText(value, unit, 3);
  const [factor, shown] = unitFor(Math.abs(value), unit);
  return `${numberText(value * factor, 3)} ± ${numberText(error * factor, 2)} ${shown}`;
}

function csvOf(rows: Row[]): Blob {
  const head = ["parameter", "measured", "standard error", "predicted", "standard error", "difference", "unit"];
  return csvBlob([
    head,
    ...rows.map(({ name, unit, measured, predicted, errors }) => [
      name,
      measured,
      errors[0],
      predicted,
      errors[1],
      predicted - measured,
      unit,
    ]),
  ]);
}
