import { useMemo, useRef } from "preact/hooks";
import { useApp } from "./context.ts";
import { type Layer, loadLayer } from "./layers.ts";
import { type Resource, useResource, valueOf } from "./resource_cache.ts";
import type { Derived, Session } from "./session.ts";
import { useStore } from "./store.ts";

const STEPWISE = ["slice", "predicted", "residual"];

/** Whether a layer follows the spectral slider. */
export function isStepwise(id: string): boolean {
  return STEPWISE.includes(id);
}

/** A layer, fetched when it changes; while the next step of the same layer loads, the former one stays. */
export function useLayer(
  session: Session,
  derived: Derived,
  id: string,
): { layer: Layer | undefined; resource: Resource<Layer> } {
  const app = useApp();
  const index = useStore(app.view, (view) => view.index);
  const components = useStore(app.view, (view) => view.components);
  const { model } = session;
  const cube = session.cube!;
  const present = id === "slice" ? cube.sliceNow(index) : undefined;
  const step = isStepwise(id) ? index : id === "class" ? components : "";
  const resource = useResource<Layer>(
    app.cache,
    present ? null : `layer ${id} ${step} ${cube.record.id} ${model?.base}`,
    () => loadLayer(id, derived.inputs(index)),
  );
  const now = useMemo<Layer | undefined>(() => {
    if (!present) return undefined;
    const { quantity, unit } = cube.record;
    return { id, title: quantity, unit, kind: "sequential", values_HW: present, path: cube.path(index) };
  }, [present, id, index]);
  const last = useRef<Layer | null>(null);
  const layer = now ?? valueOf(resource);
  if (layer) last.current = layer;
  const held = last.current?.id === id && last.current.values_HW.length === cube.rows * cube.cols ? last.current : null;
  return { layer: layer ?? (resource.state === "failed" ? undefined : held ?? undefined), resource };
}
