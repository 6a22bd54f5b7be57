import { useMemo } from "preact/hooks";
import { extent, percentile, sortedFinite } from "./arrays.ts";
import { useApp } from "./context.ts";
import { ComparedPixel } from "./compared_pixel.tsx";
import { ComparedScores } from "./compared_scores.tsx";
import { csvOfGrid } from "./exports.ts";
import { ERROR_MAPS } from "./layers.ts";
import { type ModelErrors, useModelErrors } from "./model_errors.ts";
import { ModelSource, type ModelView } from "./model_source.ts";
import { Panel } from "./panel.tsx";
import { PickableMap } from "./pickable_map.tsx";
import { fits, listAll, type ModelSummary, type Session } from "./session.ts";
import { type Resource, useHeld, useResource, valueOf } from "./resource_cache.ts";
import { Empty, Loaded } from "./status.tsx";
import { useStore } from "./store.ts";

/** Two models on one cube side by side: scores, error maps in the same colours, and one pixel. */
export function Compare({ session }: { session: Session }) {
  const app = useApp();
  const { model, cube } = session;
  const other = useOther(session);
  const [mine, theirs] = [useModelErrors(app, model), useModelErrors(app, valueOf(other))];
  if (!model) {
    return (
      <Empty title="Choose a model first">
        <p>Then choose another one to see both on this cube.</p>
      </Empty>
    );
  }
  const there = valueOf(other);
  return (
    <>
      <OtherPicker session={session} />
      {there && (
        <Loaded of={both(mine, theirs)}>
          {([one, two]) => (
            <div class="compare">
              <ComparedScores models={[model.model, there.model]} errors={[one, two]} />
              <ErrorMaps models={[model, there]} errors={[one, two]} />
              <ComparedPixel models={[model, there]} cube={cube!} isLoop={session.isLoop} />
            </div>
          )}
        </Loaded>
      )}
      {other.state === "failed" && <p class="notice">{other.error.message}</p>}
    </>
  );
}

function both<T>(one: Resource<T>, two: Resource<T>): Resource<[T, T]> {
  if (one.state !== "ready") return one as Resource<never>;
  return two.state === "ready" ? { state: "ready", value: [one.value, two.value] } : two as Resource<never>;
}

/** The model that is named in the address beside the chosen one. */
function useOther({ cube }: Session): Resource<ModelSource> {
  const app = useApp();
  const reference = useStore(app.view, (view) => view.other);
  const [name, version] = reference.split("@");
  return useResource(app.cache, reference && cube ? `other ${reference} ${cube.record.id}` : null, async () => {
    const path = `/v1/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version ?? "latest")}`;
    const view = await app.api.json<ModelView>(path);
    if (!fits(view, cube!.record)) throw new Error(`${reference} does not fit this cube`);
    return new ModelSource(app.api, view, cube!.record);
  });
}

function OtherPicker({ session }: { session: Session }) {
  const app = useApp();
  const other = useStore(app.view, (view) => view.other);
  const revision = useStore(app.ui, (ui) => ui.revision);
  const summaries = useHeld(
    useResource(app.cache, `summaries ${revision}`, () => listAll<ModelSummary>(app, "/v1/models")),
  );
  const { model, cube, models } = session;
  const fitting = (valueOf(models) ?? []).filter((one) => fits(one, cube!.record)).map(({ name }) => name);
  const own = `${model!.model.name}@${model!.model.version}`;
  const choices = (valueOf(summaries) ?? [])
    .filter(({ name, direction }) => direction === model!.model.network.direction && fitting.includes(name))
    .flatMap(({ name, versions }) => versions.map((version) => `${name}@${version}`).reverse())
    .filter((choice) => choice !== own);
  return (
    <div class="pickers">
      <label>
        Compare with
        <select value={other} onChange={(event) => app.view.set({ other: event.currentTarget.value })}>
          <option value="">{choices.length ? "choose a model" : "no other model fits"}</option>
          {other && !choices.includes(other) && <option value={other}>{other}</option>}
          {choices.map((choice) => <option key={choice} value={choice}>{choice}</option>)}
        </select>
      </label>
    </div>
  );
}

function ErrorMaps({ models, errors }: { models: [ModelSource, ModelSource]; errors: [ModelErrors, ModelErrors] }) {
  const app = useApp();
  const [one, two] = errors;
  const names = Object.keys(ERROR_MAPS).filter((name) => one.maps.has(name) && two.maps.has(name));
  const asked = useStore(app.view, (view) => view.layer.replace(/^error:/, ""));
  const name = names.includes(asked) ? asked : names[0];
  const [a, b] = [one.maps.get(name)!, two.maps.get(name)!];
  const difference = useMemo(() => a.map((value, i) => value - b[i]), [a, b]);
  const range = useMemo(() => {
    const high = Math.max(...[a, b].map((map) => percentile(sortedFinite(map), 98)));
    return [Math.min(extent(a)[0], extent(b)[0]), high] as const;
  }, [a, b]);
  const reach = useMemo(() => percentile(sortedFinite(difference.map(Math.abs)), 98) || 1, [difference]);
  const [rows, cols] = models[0].cube.shape;
  const { unit: quantity, axes } = models[0].cube;
  const unit = ERROR_MAPS[name].unit(quantity, axes.spectral.unit);
  const titles = models.map(({ model }) => `${model.name}@${model.version}`);
  return (
    <Panel
      title={ERROR_MAPS[name].title}
      exports={{
        name: `${titles.join(" against ")} ${name}`,
        curl: app.api.curl(`${models[0].base}/errors`),
        files: { csv: () => csvOfGrid({ shape: [rows, cols], data: difference }) },
      }}
      note={
        <select
          aria-label="Which error"
          value={name}
          onChange={(event) => app.view.set({ layer: `error:${event.currentTarget.value}` })}
        >
          {names.map((key) => <option key={key} value={key}>{ERROR_MAPS[key].title}</option>)}
        </select>
      }
    >
      <div class="compared-maps">
        <PickableMap values={a} cols={cols} range={range} unit={unit} title={titles[0]} />
        <PickableMap values={b} cols={cols} range={range} unit={unit} title={titles[1]} />
        <PickableMap
          values={difference}
          cols={cols}
          range={[-reach, reach]}
          unit={unit}
          title="difference: red where the second is better"
          colours="balance"
        />
      </div>
    </Panel>
  );
}
