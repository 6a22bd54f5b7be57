/**
 * The spectral step whose value is nearest to `at`. Where a sweep passes a value twice, `first` takes the first passage
 * and `last` the last one: among steps as near as the nearest (within half of the smallest step between neighbours).
 */
export function nearestStep(values: ArrayLike<number>, at: number, branch: "first" | "last" = "first"): number {
  let nearest = Infinity;
  for (let i = 0; i < values.length; i++) nearest = Math.min(nearest, Math.abs(values[i] - at));
  const slack = smallestStep(values) / 2;
  // A passage is a run of neighbouring steps that are near; within it the nearest wins.
  const passages: number[][] = [];
  for (let index = 0; index < values.length; index++) {
    if (!(Math.abs(values[index] - at) <= nearest + slack)) continue;
    const last = passages.at(-1);
    if (last && index === last[last.length - 1] + 1) last.push(index);
    else passages.push([index]);
  }
  const passage = branch === "first" ? passages[0] : passages[passages.length - 1];
  return passage.reduce((best, index) => Math.abs(values[index] - at) < Math.abs(values[best] - at) ? index : best);
}

function smallestStep(values: ArrayLike<number>): number {
  let smallest = Infinity;
  for (let i = 1; i < values.length; i++) {
    const step = Math.abs(values[i] - values[i - 1]);
    if (step > 0) smallest = Math.min(smallest, step);
  }
  return smallest === Infinity ? 0 : smallest;
}
