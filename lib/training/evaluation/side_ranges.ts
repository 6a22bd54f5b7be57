import type { Score, Scores, SideScores } from "../../schemas/model.ts";

const KEYS = ["mse", "nrmse", "r2"] as const;

/** Mean and range over the sides of each score of the model and of each baseline; null where one is not finite. */
export function sideRanges(bySide: readonly SideScores[]): NonNullable<Scores["sides"]> {
  const names = Object.keys(bySide[0].baselines) as (keyof SideScores["baselines"])[];
  const baselines = names.map((name) => [name, rangesOf(bySide.map((side) => side.baselines[name]!))]);
  return {
    bySide: [...bySide],
    test: rangesOf(bySide.map(({ test }) => test)),
    baselines: Object.fromEntries(baselines),
  };
}

function rangesOf(scores: readonly Score[]) {
  const range = (key: typeof KEYS[number]) => {
    const values = scores.map((score) => score[key]).filter((value) => value !== null);
    if (values.length < scores.length) return null;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { mean, min: Math.min(...values), max: Math.max(...values) };
  };
  return { mse: range("mse"), nrmse: range("nrmse"), r2: range("r2") };
}
