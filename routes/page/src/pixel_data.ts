import { useEffect, useMemo, useState } from "preact/hooks";
import { type App, useApp } from "./context.ts";
import type { CubeSource } from "./cube_source.ts";
import { outputAt, patchAt } from "./model_source.ts";
import { useResource, valueOf } from "./resource_cache.ts";
import type { Derived, Session } from "./session.ts";
import { useStore } from "./store.ts";
import { reviveArrays, type Tree } from "./arrays.ts";
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

/** What `/predictions?row=&col=` answers. */
interface PixelAnswer {
  predicted?: Float32Array;
  latent?: Float32Array;
  spread?: Float32Array;
}

function asArray(value: Tree): Float32Array | undefined {
  if (value && typeof value === "object" && "data" in value) return value.data as Float32Array;
  return Array.isArray(value) ? Float32Array.from(value as number[]) : undefined;
}

async function askPixel({ api }: App, base: string, { row, col }: Pin): Promise<PixelAnswer> {
  const answer = reviveArrays(await api.json(`${base}/predictions?row=${row}&col=${col}`)) as { [key: string]: Tree };
  return {
    predicted: asArray(answer.predicted),
    latent: asArray(answer.latent),
    spread: asArray(answer.spread),
  };
}

/**
 * The pins' data (and the hovered pixel's): from the arrays in memory where they are there, else asked for one pixel.
 * What is in memory is drawn in the same frame as the click.
 */
export function usePixels(session: Session, derived: Derived, pins: Pin[]): PixelData[] {
  const app = useApp();
  const { cube, model } = session;
  const radius = useStore(app.view, (view) => view.radius);
  const predictions = valueOf(useResource(
    app.cache,
    model ? derived.predictions.key : null,
    derived.predictions.load,
  ));
  const image = valueOf(useResource(app.cache, model ? derived.image.key : null, derived.image.load));
  const [asked, setAsked] = useState(new Map<string, Partial<PixelData>>());
  useEffect(() => {
    for (const pin of pins) void ask(pin);
    async function ask(pin: Pin) {
      const key = keyOf(pin, cube!, radius, model?.base);
      const part: Partial<PixelData> = {};
      const wanted: Promise<unknown>[] = [];
      if (!cube!.complete) wanted.push(cube!.spectrum(pin.row, pin.col, radius).then((s) => (part.measured = s)));
      if (model && !predictions && model.hasPatch(pin.row, pin.col)) {
        wanted.push(
          askPixel(app, model.base, pin).then(({ predicted, latent, spread }) => {
            if (model.model.network.direction === "im2spec") Object.assign(part, { predicted, latent, spread });
            else Object.assign(part, { predictedPatch: predicted, latent });
          }),
        );
      }
      if (wanted.length === 0) return;
      await Promise.allSettled(wanted);
      setAsked((old) => new Map([...[...old].slice(-40), [key, part]]));
    }
  }, [pins.map((pin) => `${pin.row}.${pin.col}`).join(), radius, cube, model, predictions !== undefined]);
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
export function useWarnings({ model }: Session, pixel: PixelData | undefined): string[] {
  const app = useApp();
  const [warnings, setWarnings] = useState<string[]>([]);
  const forward = model?.model.network.direction === "im2spec";
  const input = forward ? pixel?.patch : pixel?.measured;
  useEffect(() => {
    setWarnings([]);
    if (!model || !input) return;
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      const shape = forward ? [model.window, model.window] : [input.length];
      const inputs = { dtype: "float32", shape, data: Array.from(input) };
      const options = { signal: stop.signal };
      const answer = await app.api.post<{ warnings: string[] }>(`${model.version}/predict`, { inputs }, options);
      setWarnings(answer.warnings);
    }, 250);
    return () => (clearTimeout(timer), stop.abort());
  }, [model, pixel?.pin.row, pixel?.pin.col, input !== undefined]);
  return warnings;
}
