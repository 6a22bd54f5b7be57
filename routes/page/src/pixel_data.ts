import { useEffect, useMemo, useState } from "preact/hooks";
import type { Grid } from "./arrays.ts";
import { askPrediction } from "./ask_prediction.ts";
import { useApp } from "./context.ts";
import type { CubeSource } from "./cube_source.ts";
import { type ModelSource, outputAt, patchAt } from "./model_source.ts";
import { useResource, valueOf } from "./resource_cache.ts";
import type { Derived, Session } from "./session.ts";
import { useStore } from "./store.ts";
import type { Pin } from "./view_state.ts";

/** All that the right side shows of one pixel. Missing parts are not there yet, or do not exist for it. */
export interface PixelData {
  pin: Pin;
  measured?: Float32Array;
  /** im2spec: the predicted spectrum. */
  predicted?: Float32Array;
  spread?: Float32Array;
  /** The image side: window x window. */
  patch?: Float32Array;
  /** spec2im: the predicted patch. */
  predictedPatch?: Float32Array;
  latent?: Float32Array;
}

/** The model's own input at a pixel: its patch, or its spectrum. */
function inputOf({ model, window }: ModelSource, { patch, measured }: Partial<PixelData>): Grid | undefined {
  const forward = model.network.direction === "im2spec";
  const data = (forward ? patch : measured) as Float32Array<ArrayBuffer> | undefined;
  return data && { shape: forward ? [window, window] : [data.length], data };
}

/**
 * The pins' data (and the hovered pixel's): from the arrays in memory where they are there, else asked for one pixel.
 * What is in memory is drawn in the same frame as the click.
 */
export function usePixels(session: Session, derived: Derived, pins: Pin[]): PixelData[] {
  const app = useApp();
  const { cube, model } = session;
  const radius = useStore(app.view, (view) => view.radius);
  const warm = useStore(app.ui, (ui) => ui.warm);
  const predictions = valueOf(useResource(
    app.cache,
    model && warm ? derived.predictions.key : null,
    derived.predictions.load,
  ));
  const imageState = useResource(app.cache, model ? derived.image.key : null, derived.image.load);
  const image = valueOf(imageState);
  const [asked, setAsked] = useState(new Map<string, Partial<PixelData>>());
  useEffect(() => {
    if (imageState.state === "loading") return;
    const ask = async (pin: Pin) => {
      const part: Partial<PixelData> = cube!.complete
        ? {}
        : { measured: await cube!.spectrum(pin.row, pin.col, radius) };
      const show = () =>
        setAsked((old) => new Map([...[...old].slice(-40), [keyOf(pin, cube!, radius, model?.base), part]]));
      if (part.measured) show();
      if (!model || predictions || !model.hasPatch(pin.row, pin.col)) return;
      const measured = part.measured ?? cube!.spectrumNow(pin.row, pin.col, 0);
      const values = inputOf(model, { measured, patch: image && patchAt(image, pin, model.window) });
      if (!values) return;
      const { output, latent } = await askPrediction(app, model, {
        key: `${cube!.record.id} ${pin.row} ${pin.col}`,
        values,
      });
      const forward = model.model.network.direction === "im2spec";
      Object.assign(part, { latent }, forward ? { predicted: output } : { predictedPatch: output });
      show();
    };
    const settled = pins.length > 0 && session.models.state !== "loading" && session.modelState.state !== "loading";
    const done = () => settled && app.ui.set({ warm: true });
    Promise.all(pins.map(ask)).then(done, done);
  }, [
    pins.map((pin) => `${pin.row}.${pin.col}`).join(),
    radius,
    cube,
    model,
    imageState.state,
    predictions !== undefined,
  ]);
  return useMemo(
    () =>
      pins.map((pin) => {
        const fallback = asked.get(keyOf(pin, cube!, radius, model?.base)) ?? {};
        const measured = cube!.spectrumNow(pin.row, pin.col, radius) ?? fallback.measured;
        const patch = image && model ? patchAt(image, pin, model.window) : undefined;
        if (!model || !predictions) return { ...fallback, pin, measured, patch };
        const output = outputAt(predictions, pin, { radius });
        const spread = predictions.spread && outputAt(predictions, pin, { radius, source: predictions.spread });
        const latent = outputAt({ ...predictions, length: predictions.latentCount }, pin, {
          radius: 0,
          source: predictions.latents,
        });
        const forward = model.model.network.direction === "im2spec";
        return forward
          ? { pin, measured, predicted: output, spread, patch, latent }
          : { pin, measured, predictedPatch: output, patch, latent };
      }),
    [pins, radius, predictions, image, asked, cube, cube!.complete],
  );
}

function keyOf({ row, col }: Pin, cube: CubeSource, radius: number, base = ""): string {
  return `${cube.record.id} ${base} ${row} ${col} ${radius}`;
}

/** Warnings about the prediction of one pixel's own input, in the service's words; asked once the pin rests. */
export function useWarnings({ model, cube }: Session, pixel: PixelData | undefined): string[] {
  const app = useApp();
  const [warnings, setWarnings] = useState<string[]>([]);
  const values = model && pixel && inputOf(model, pixel);
  useEffect(() => {
    setWarnings([]);
    if (!model || !values) return;
    const { row, col } = pixel!.pin;
    let current = true;
    const timer = setTimeout(() => {
      askPrediction(app, model, { key: `${cube!.record.id} ${row} ${col}`, values }).then(
        (prediction) => current && setWarnings(prediction.warnings),
        () => {}, // what is wrong with the model is said where its predictions are drawn
      );
    }, 250);
    return () => (clearTimeout(timer), current = false);
  }, [model, pixel?.pin.row, pixel?.pin.col, values !== undefined]);
  return warnings;
}
