import { useEffect, useState } from "preact/hooks";
import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import type { BatchHistory, ExperimentView } from "../../../lib/schemas/experiment.ts";
import type { Grid } from "./arrays.ts";
import { useApp } from "./context.ts";
import type { MapFrame } from "./map_geometry.ts";
import { type Resource, useHeld, useResource } from "./resource_cache.ts";

/** Fewer measured points make no model. */
export const LEAST_POINTS = 8;

export interface WatchedExperiment {
  record?: ExperimentView;
  history: BatchHistory[];
  error?: Error;
}

export function pathOf(id: string): string {
  return `/v1/experiments/${encodeURIComponent(id)}`;
}

/** An experiment and its history, read again at each of its events. */
export function useExperiment(id: string): WatchedExperiment {
  const { api } = useApp();
  const [watched, setWatched] = useState<WatchedExperiment>({ history: [] });
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const fail = (error: Error) => signal.aborted || setWatched((old) => ({ ...old, error }));
    let [isReading, isStale] = [false, false];
    const read = async () => {
      isStale = true;
      if (isReading) return;
      isReading = true;
      while (isStale && !signal.aborted) {
        isStale = false;
        const record = await api.json<ExperimentView>(pathOf(id), { signal });
        const { batches } = await api.json<{ batches: BatchHistory[] }>(`${pathOf(id)}/history`, { signal });
        setWatched({ record, history: batches });
      }
      isReading = false;
    };
    read().then(() => api.follow(`${pathOf(id)}/events`, () => void read().catch(fail), signal)).catch(fail);
    return () => stop.abort();
  }, [id]);
  return watched;
}

/** Mean at one step, spread and mask of the newest model; nothing before there is one. */
export function usePrediction(record: ExperimentView | undefined, index: number): Resource<Map<string, Grid>> {
  const { api, cache } = useApp();
  const trainedOn = record?.model?.trainedOn ?? 0;
  const key = trainedOn >= LEAST_POINTS ? `experiment ${record!.id} ${trainedOn} ${index}` : null;
  return useHeld(useResource(cache, key, () => api.arrays(`${pathOf(record!.id)}/prediction?index=${index}`)));
}

/** The grid to draw on: that of the rehearsal's cube, or pixels. */
export function frameOf({ shape: [rows, cols], points }: ExperimentView, cube: CubeRecord | undefined): MapFrame {
  if (cube) return cube;
  const axis = (count: number) => ({ name: "", unit: "", values: Array.from({ length: count }, (_, i) => i) });
  return { shape: [rows, cols, points ?? 1], axes: { row: axis(rows), col: axis(cols) } };
}
