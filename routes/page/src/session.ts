import { useEffect, useMemo } from "preact/hooks";
import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import { type Grid, isGrid, type Tree } from "./arrays.ts";
import { accessFrom, type App, type SystemAnswer, useApp } from "./context.ts";
import { CubeSource } from "./cube_source.ts";
import type { LayerInputs } from "./layers.ts";
import { isLoopAxis, type LoopMaps, readLoopMaps } from "./loop_maps.ts";
import { ModelSource, type ModelView, type Predictions } from "./model_source.ts";
import { type Resource, useHeld, useResource, valueOf } from "./resource_cache.ts";
import { useStore } from "./store.ts";

/** Whole maps and slices wait for the first pixel, but not for ever. */
const WARM_AFTER_MS = 4000;
const PRELOAD_AFTER_MS = 300;

export interface ModelSummary {
  name: string;
  versions: number[];
  latest: number;
  aliases: Record<string, number>;
  direction: "im2spec" | "spec2im";
  readOnly: boolean;
}

/** All items of a paged list, up to a thousand. */
export async function listAll<T>({ api }: App, path: string): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const query = `?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
    const page: { items: T[]; nextCursor?: string } = await api.json(path + query);
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor && items.length < 1000);
  return items;
}

export function useCubes(): Resource<CubeRecord[]> {
  const app = useApp();
  const revision = useStore(app.ui, (ui) => ui.revision);
  return useHeld(useResource(app.cache, `cubes ${revision}`, () => listAll<CubeRecord>(app, "/v1/cubes")));
}

/** Models with their newest version, so that one can be chosen that fits a cube. */
export function useModels(): Resource<ModelView[]> {
  const app = useApp();
  const revision = useStore(app.ui, (ui) => ui.revision);
  const models = useResource(app.cache, `models ${revision}`, async () => {
    const summaries = await listAll<ModelSummary>(app, "/v1/models");
    const paths = summaries.map(({ name, latest }) => `/v1/models/${encodeURIComponent(name)}/versions/${latest}`);
    return await Promise.all(paths.map((path) => app.api.json<ModelView>(path)));
  });
  return useHeld(models);
}

/** Whether a model can be applied to a cube: the same spectral axis, room for a patch, the image that it reads. */
export function fits({ network, axis, image }: ModelView, { shape, axes, maps }: CubeRecord): boolean {
  const met = axes.spectral.values;
  if (network.points !== shape[2] || network.window > Math.min(shape[0], shape[1])) return false;
  if (image && "map" in image && !maps.some(({ name }) => name === image.map)) return false;
  if (!axis) return true;
  const tolerance = (Math.max(...axis.values) - Math.min(...axis.values)) / 1000;
  return axis.values.every((value, s) => Math.abs(value - met[s]) <= tolerance);
}

/** Whether the model learned from this very cube; another one of the same file, or a part of it, has another size. */
export function learnedFrom({ training }: Pick<ModelView, "training">, cube: CubeRecord): boolean {
  const [rows, cols] = training?.shape ?? cube.shape;
  return training?.cubeSha256 === cube.sha256 && rows === cube.shape[0] && cols === cube.shape[1];
}

/** The chosen cube and model, as sources. */
export interface Session {
  cubes: Resource<CubeRecord[]>;
  models: Resource<ModelView[]>;
  cube?: CubeSource;
  model?: ModelSource;
  modelState: Resource<ModelView>;
  isLoop: boolean;
}

/** Follows the view's choice of cube and model; chooses for the visitor where the address does not. */
export function useSession(): Session {
  const app = useApp();
  const revision = useStore(app.ui, (ui) => ui.revision);
  useEffect(() => {
    app.api.json<SystemAnswer>("/v1/system").then((system) => app.ui.set({ access: accessFrom(system) }), () => {});
  }, [revision]);
  const [cubeId, modelId] = [useStore(app.view, (view) => view.cube), useStore(app.view, (view) => view.model)];
  const [cubes, models] = [useCubes(), useModels()];
  const found = valueOf(cubes)?.find(({ id }) => id === cubeId);
  const record = useMemo(() => found, [cubeId, found !== undefined]);
  const cube = useMemo(() => record && new CubeSource(app.api, record), [record]);
  const [name, version = "latest"] = modelId.split("@");
  const listed = valueOf(models)?.find((one) => `${one.name}@${one.version}` === modelId);
  const fetched = useResource<ModelView>(
    app.cache,
    name && name !== "none" && !listed && models.state !== "loading" ? `model ${modelId}` : null,
    () => app.api.json(`/v1/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}`),
  );
  const modelState: Resource<ModelView> = listed ? { state: "ready", value: listed } : fetched;
  const view = valueOf(modelState);
  const model = useMemo(
    () => view && record && fits(view, record) ? new ModelSource(app.api, view, record) : undefined,
    [view, record],
  );
  useEffect(() => chooseCube(app, valueOf(cubes)), [cubes.state, cubeId]);
  useEffect(() => chooseModel(app, record, valueOf(models)), [models.state, record, modelId]);
  useEffect(() => chooseStart(app, cube, model), [cube, model]);
  const warm = useStore(app.ui, (ui) => ui.warm);
  useEffect(() => {
    if (!cube || !warm) return;
    const stop = new AbortController();
    const timer = setTimeout(() => void cube.preload(stop.signal), PRELOAD_AFTER_MS);
    return () => (clearTimeout(timer), stop.abort());
  }, [cube, warm]);
  useEffect(() => {
    const timer = setTimeout(() => app.ui.set({ warm: true }), WARM_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  const isLoop = useMemo(() => record ? isLoopAxis(record.axes.spectral.values) : false, [record]);
  return { cubes, models, cube, model, modelState, isLoop };
}

function chooseCube({ view }: App, cubes: CubeRecord[] | undefined): void {
  if (!cubes?.length || view.get().cube) return;
  const demo = cubes.find(({ name }) => /demo|simulated/i.test(name)) ?? cubes[0];
  view.set({ cube: demo.id });
}

function chooseModel({ view }: App, cube: CubeRecord | undefined, models: ModelView[] | undefined): void {
  if (!cube || !models || view.get().model) return;
  const fitting = models.filter((model) => fits(model, cube));
  const forward = (model: ModelView) => Number(model.network.direction === "im2spec");
  const explained = ({ scores }: ModelView) => Math.max(-1, scores?.test.r2 ?? -1) / 4;
  const rank = (model: ModelView) => 4 * Number(learnedFrom(model, cube)) + 2 * forward(model) + explained(model);
  const best = fitting.sort((a, b) => rank(b) - rank(a))[0];
  if (best) view.set({ model: `${best.name}@${best.version}` });
}

/** A first pixel and the input's step, so that the first view already says something. */
function chooseStart({ view }: App, cube: CubeSource | undefined, model: ModelSource | undefined): void {
  if (!cube || view.get().pins.length) return;
  const image = model?.model.image ?? { imageAt: 0 };
  const { values } = cube.record.axes.spectral;
  const at = "imageAt" in image ? image.imageAt : 0;
  const index = values.reduce((best, v, i) => Math.abs(v - at) < Math.abs(values[best] - at) ? i : best, 0);
  const pin = { row: Math.floor(cube.rows * 0.42), col: Math.floor(cube.cols * 0.46) };
  view.set({ pins: [pin], ...(view.get().index ? {} : { index }) });
}

/** Everything derived that a layer or a panel may need, loaded once per cube and model. */
export function deriveFrom(
  app: App,
  { cube, model }: { cube: CubeSource; model?: ModelSource },
  { components, fit }: { components: number; fit: boolean },
) {
  const { id } = cube.record;
  const query = fit ? "?fit=true" : "";
  const key = `${id} ${model ? `${model.model.name}@${model.model.version}` : ""}`;
  const { rows, cols } = cube;
  const need = (): ModelSource => {
    if (!model) throw new Error("Choose a model to see this");
    return model;
  };
  const cached = <T>(name: string, load: (onPending: (job: { id: string; state: string }) => void) => Promise<T>) => ({
    key: `${name} ${key}`,
    load,
    promise: () => app.cache.get(`${name} ${key}`, load).promise,
  });
  const measuredLoops = cached<LoopMaps>(`loops${query}`, async (onPending) => {
    const arrays = await app.api.arrays(`/v1/cubes/${id}/loops${query}`, { onPending });
    const toGrid = ({ data }: Grid) => data.length === rows * cols ? data : undefined;
    return readLoopMaps(arrays, { prefix: "", toGrid });
  });
  const predictions = cached<Predictions>("predictions", (onPending) => need().predictions({ onPending }));
  const predictedLoops = cached<LoopMaps>(`model loops${query}`, async (onPending) => {
    const arrays = await app.api.arrays(`${need().base}/loops${query}`, { onPending });
    return readLoopMaps(arrays, { prefix: "predicted.", toGrid: (value) => need().onGrid(value) });
  });
  const mapsOf = (path: "errors" | "consensus") =>
    cached<Map<string, Float32Array>>(path, async (onPending) => {
      const maps = new Map<string, Float32Array>();
      for (const [name, value] of await app.api.arrays(`${need().base}/${path}`, { onPending })) {
        const grid = need().onGrid(value);
        if (grid) maps.set(name, grid);
      }
      return maps;
    });
  const [errors, consensus] = [mapsOf("errors"), mapsOf("consensus")];
  const mixture = cached<{ [key: string]: Tree }>(`gmm ${components}`, (onPending) => {
    return app.api.tree(`${need().base}/gmm?components=${components}`, { onPending });
  });
  const image = cached<Grid>("image", () => app.api.grid(need().imagePath));
  const channel = (name: string) =>
    cached<Float32Array>(`channel ${name}`, async () => {
      return (await app.api.grid(`/v1/cubes/${id}/map?map=${encodeURIComponent(name)}`)).data;
    }).promise();
  const principal = cached<Float32Array[]>("pca", async (onPending) => {
    const { maps } = await app.api.tree(`/v1/cubes/${id}/pca?components=4`, { onPending });
    if (!isGrid(maps)) return [];
    const channelsLast = maps.shape[maps.shape.length - 1] !== cols;
    const count = maps.data.length / (rows * cols);
    return Array.from({ length: count }, (_, k) =>
      Float32Array.from(
        { length: rows * cols },
        (_, i) => maps.data[channelsLast ? i * count + k : k * rows * cols + i],
      ));
  });
  const inputs = (index: number): LayerInputs => ({
    cube,
    model,
    index,
    components,
    predictions: predictions.promise,
    errors: errors.promise,
    consensus: consensus.promise,
    measuredLoops: measuredLoops.promise,
    predictedLoops: predictedLoops.promise,
    classes: async () => {
      const labels = need().onGrid((await mixture.promise()).labels);
      if (!labels) throw new Error("The mixture has no map of labels");
      return labels.map((label) => label < 0 ? NaN : label);
    },
    image: channel,
    components4: principal.promise,
  });
  return { measuredLoops, predictedLoops, predictions, errors, mixture, image, inputs };
}

export type Derived = ReturnType<typeof deriveFrom>;

export function useDerived(session: Session): Derived | undefined {
  const app = useApp();
  const components = useStore(app.view, (view) => view.components);
  const fit = useStore(app.view, (view) => view.fit);
  const { cube, model } = session;
  return useMemo(() => cube && deriveFrom(app, { cube, model }, { components, fit }), [cube, model, components, fit]);
}
