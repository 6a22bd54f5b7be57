// A program is a list of stages of commands in shared memory; each thread walks through all of it, takes jobs from the
// stage at hand, and meets the others at a barrier before the next. No message and no allocation between stages.
//
// program: number of stages, then for each stage: jobs in all, number of commands, and for each its address and jobs.
// What a job does never depends on who does it, so results have the same bits with any number of threads.
//
// control block (int32): 0 generation, 1 threads arrived, 2 next job, 3 threads asleep.
import { convolve, weightGradient } from "./winograd";
import { filterPoints, weightTaps } from "./filter";
import { contract, correlateImage, expand, sumParts } from "./scalar_image";
import { denseDot, denseOuter, denseWeight } from "./dense";
import { lossSums, normGradient, normMoments, normRunning } from "./norm";
import { adam, gatherRow, lossGradient, pyramidTotal, scalarBack, sumCells } from "./elementwise";
import { linearDot, linearOuter, linearWeight, mapLinear } from "./linear";
import { mapDot, mapExpand } from "./map";
import { arg, fma } from "./vector";

/** Looks at the barrier before going to sleep: some tens of microseconds. */
const SPINS = 20000;

/** Runs a program `steps` times as thread `thread` of `threads`. */
export function run(control: usize, program: usize, threads: i32, scratch: usize, steps: i32): void {
  for (let step = 0; step < steps; step++) {
    let stage = program + 4;
    for (let left = load<i32>(program); left > 0; left--) {
      const jobs = arg(stage, 0), commands = arg(stage, 1);
      if (threads == 1) {
        for (let k = 0; k < commands; k++) {
          const command = <usize>arg(stage, 2 + 2 * k), count = arg(stage, 3 + 2 * k);
          for (let job = 0; job < count; job++) runJob(command, job, scratch, step);
        }
      } else {
        for (let job = atomic.add<i32>(control, 1, 8); job < jobs; job = atomic.add<i32>(control, 1, 8)) {
          let k = 0, at = job;
          while (at >= arg(stage, 3 + 2 * k)) at -= arg(stage, 3 + 2 * k), k++;
          runJob(<usize>arg(stage, 2 + 2 * k), at, scratch, step);
        }
        meet(control, threads);
      }
      stage += <usize>(2 + 2 * commands) << 2;
    }
  }
}

/** A barrier; the last to arrive sets the job counter back. */
function meet(control: usize, threads: i32): void {
  const generation = atomic.load<i32>(control);
  if (atomic.add<i32>(control, 1, 4) == threads - 1) {
    atomic.store<i32>(control, 0, 4);
    atomic.store<i32>(control, 0, 8);
    atomic.store<i32>(control, generation + 1);
    if (atomic.load<i32>(control, 12) > 0) atomic.notify(control, -1);
    return;
  }
  for (let i = 0; i < SPINS; i++) if (atomic.load<i32>(control) != generation) return;
  atomic.add<i32>(control, 1, 12);
  while (atomic.load<i32>(control) == generation) atomic.wait<i32>(control, generation, -1);
  atomic.sub<i32>(control, 1, 12);
}

function runJob(command: usize, job: i32, scratch: usize, step: i32): void {
  switch (arg(command, 0)) {
    case 0: return convolve(command, job, scratch);
    case 1: return weightGradient(command, job, scratch);
    case 2: return weightTaps(command, job, scratch);
    case 3: return peak(command);
    case 4: return filterPoints(command, job, scratch);
    case 5: return expand(command, job, scratch);
    case 6: return correlateImage(command, job, scratch);
    case 7: return contract(command, job, scratch);
    case 8: return sumParts(command, job, scratch);
    case 9: return denseDot(command, job, scratch);
    case 10: return denseOuter(command, job, scratch);
    case 11: return denseWeight(command, job, scratch);
    case 12: return normMoments(command, job, scratch);
    case 13: return normRunning(command, job, scratch);
    case 14: return normGradient(command, job, scratch);
    case 15: return lossSums(command, step);
    case 16: return gatherRow(command, job, step);
    case 17: return pyramidTotal(command, job, scratch);
    case 18: return sumCells(command, job, scratch);
    case 19: return mapDot(command, job, scratch);
    case 20: return lossGradient(command, job, scratch);
    case 21: return scalarBack(command, job, scratch);
    case 22: return adam(command, job, step);
    case 23: return mapExpand(command, job, scratch);
    case 24: return linearDot(command, job);
    case 25: return linearOuter(command, job);
    case 26: return linearWeight(command, job);
    case 27: return mapLinear(command, job);
  }
}

/**
 * The machine's peak: ten independent chains of multiply-adds in registers. 1 rounds, 2 where to leave a result. (The
 * factors come from there too: a constant vector would be made anew for each use.)
 */
function peak(c: usize): void {
  let a = f32x4.splat(0), b = a, d = a, e = a, f = a, g = a, h = a, k = a, l = a, m = a;
  const x = v128.load(arg(c, 2)), y = v128.load(arg(c, 2), 16);
  for (let i = arg(c, 1); i > 0; i--) {
    a = fma(x, y, a), b = fma(x, y, b), d = fma(x, y, d), e = fma(x, y, e), f = fma(x, y, f);
    g = fma(x, y, g), h = fma(x, y, h), k = fma(x, y, k), l = fma(x, y, l), m = fma(x, y, m);
  }
  const s = f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(d, e)), f32x4.add(f32x4.add(f, g), f32x4.add(h, k)));
  v128.store(arg(c, 2), f32x4.add(s, f32x4.add(l, m)));
}
