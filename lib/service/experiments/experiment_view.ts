import type { ExperimentView } from "../../schemas/experiment.ts";
import type { StoredExperiment } from "../../store/ports/experiment_store.ts";

/** What callers see of an experiment. */
export function experimentView(record: StoredExperiment, nowMs: number): ExperimentView {
  const { id, name, state, shape, points, cube, strategy, target, order, window, latent, batch, seed } = record;
  const { createdAt, measured, forbiddenPixels, next, pathLength, model, result, axis, quantity, unit } = record;
  const ageMs = model && Math.max(0, nowMs - Date.parse(model.readyAt));
  return {
    ...{ id, name, state, shape, points, cube, strategy, target, order, window, latent, batch, seed },
    ...{ createdAt, measured, forbiddenPixels, next, pathLength, result, axis, quantity, unit },
    ...(model ? { model: { trainedOn: model.trainedOn, ageMs: ageMs! } } : {}),
  };
}
