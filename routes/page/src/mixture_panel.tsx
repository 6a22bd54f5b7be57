import { useMemo } from "preact/hooks";
import { extent, isGrid, type Tree } from "./arrays.ts";
import { CLASS_COLOURS, colourTable } from "./colour_maps.ts";
import { useApp } from "./context.ts";
import { csvBlob } from "./exports.ts";
import { percentText } from "./map_card.tsx";
import { Panel } from "./panel.tsx";
import { PatchView } from "./patch_view.tsx";
import { useResource } from "./resource_cache.ts";
import type { Derived, Session } from "./session.ts";
import { SpectrumPlot } from "./spectrum_plot.tsx";
import { Loaded } from "./status.tsx";
import { useStore } from "./store.ts";
import { NO_SELECTION } from "./view_state.ts";

/** The components of the mixture: weight, characteristic spectrum and mean patch of each. */
export function MixturePanel({ session, derived }: { session: Session; derived: Derived }) {
  const app = useApp();
  const count = useStore(app.view, (view) => view.components);
  const resource = useResource(app.cache, derived.mixture.key, derived.mixture.load);
  const path = `${session.model!.base}/gmm?components=${count}`;
  return (
    <Panel
      title="Mixture components"
      class="latent-mixture"
      note={
        <label class="inline-tools">
          how many
          <select value={count} onChange={(event) => app.view.set({ components: Number(event.currentTarget.value) })}>
            {[2, 3, 4, 5, 6, 8, 10, 12].map((k) => <option key={k} value={k}>{k}</option>)}
          </select>
        </label>
      }
      exports={{
        name: `${session.model!.model.name} mixture`,
        curl: app.api.curl(path),
        files: resource.state === "ready" ? { csv: () => csvBlob(tableOf(resource.value)) } : undefined,
      }}
    >
      <Loaded of={resource}>
        {(tree) => (
          <>
            <Components tree={tree} session={session} />
            <Criterion bic={numbersOf(tree.bic)} />
          </>
        )}
      </Loaded>
    </Panel>
  );
}

function numbersOf(value: Tree): number[] {
  return isGrid(value) ? Array.from(value.data) : Array.isArray(value) ? value.map(Number) : [];
}

interface Component {
  spectrum?: Float32Array;
  patch?: Float32Array;
  weight: number;
}

function componentsOf(tree: { [key: string]: Tree }, forward: boolean): Component[] {
  const weights = numbersOf(tree.weights);
  const list = Array.isArray(tree.components) ? tree.components as { [key: string]: Tree }[] : [];
  return list.map(({ decoded, average }, k) => {
    const [spectrum, patch] = forward ? [decoded, average] : [average, decoded];
    return {
      spectrum: isGrid(spectrum) ? spectrum.data : undefined,
      patch: isGrid(patch) ? patch.data : undefined,
      weight: weights[k] ?? NaN,
    };
  });
}

function Components({ tree, session }: { tree: { [key: string]: Tree }; session: Session }) {
  const app = useApp();
  const colours = useStore(app.view, (view) => view.colours);
  const only = useStore(app.view, (view) => view.only);
  const model = session.model!;
  const { record } = session.cube!;
  const table = useMemo(() => colourTable(colours), [colours]);
  const components = componentsOf(tree, model.model.network.direction === "im2spec");
  const range = extent(...components.flatMap(({ patch }) => patch ? [patch] : []));
  return (
    <ul class="components">
      {components.map(({ spectrum, patch, weight }, k) => (
        <li key={k}>
          <button
            type="button"
            class="component-head"
            aria-pressed={only === k}
            title="Light its pixels up"
            onClick={() => app.view.set({ ...NO_SELECTION, only: only === k ? -1 : k })}
          >
            <span class="swatch" style={{ background: CLASS_COLOURS[k % CLASS_COLOURS.length] }} /> Class {k + 1}
            <span class="muted">{percentText(weight)}</span>
          </button>
          {spectrum && (
            <SpectrumPlot
              compact
              axis={record.axes.spectral}
              quantity=""
              unit={record.unit}
              curves={[{
                label: `class ${k + 1}`,
                colour: CLASS_COLOURS[k % CLASS_COLOURS.length],
                of: "measured",
                values: spectrum,
              }]}
              residuals={[]}
              isLoop={session.isLoop}
              label={`Characteristic spectrum of class ${k + 1}`}
            />
          )}
          {patch && patch.length === model.window ** 2 && (
            <PatchView
              values={patch}
              width={model.window}
              table={table}
              range={range}
              label={`Mean patch of class ${k + 1}`}
            />
          )}
        </li>
      ))}
    </ul>
  );
}

/** The information criterion over the number of components: its minimum says how many the data support. */
function Criterion({ bic }: { bic: number[] }) {
  if (bic.length < 2) return null;
  const best = bic.indexOf(Math.min(...bic)) + 1;
  return (
    <div class="criterion">
      <p class="muted">BIC by number of components: lowest at {best}{best === bic.length ? " or more" : ""}</p>
      <SpectrumPlot
        compact
        axis={{ name: "Components", unit: "", values: bic.map((_, i) => i + 1) }}
        quantity="BIC"
        unit=""
        curves={[{ label: "BIC", colour: "var(--accent)", of: "measured", values: bic }]}
        residuals={[]}
        isLoop={false}
        index={best - 1}
        label={`BIC is lowest for ${best} components`}
      />
    </div>
  );
}

function tableOf(tree: { [key: string]: Tree }): (string | number)[][] {
  const weights = numbersOf(tree.weights);
  const list = Array.isArray(tree.components) ? tree.components as { [key: string]: Tree }[] : [];
  const rows = list.map(({ mean, decoded }, k) => [k + 1, weights[k], ...numbersOf(mean), ...numbersOf(decoded)]);
  const latents = numbersOf(list[0]?.mean).length;
  const points = numbersOf(list[0]?.decoded).length;
  const head = [
    "class",
    "weight",
    ...Array.from({ length: latents }, (_, d) => `z${d + 1}`),
    ...Array.from({ length: points }, (_, s) => `decoded ${s}`),
  ];
  return [head, ...rows];
}
