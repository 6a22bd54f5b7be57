/// <reference lib="deno.worker" />
import { fitLoops } from "../../lib/analysis/fit_loops.ts";
import { LoopFitter } from "../../lib/analysis/loop_fit.ts";

/** Fits its share of the loops when told to: the other half of the work runs in another worker. */
self.onmessage = ({ data }: MessageEvent<{ loops: Float64Array; voltage: Float64Array }>) => {
  self.postMessage(fitLoops(data.loops, new LoopFitter(data.voltage)).length);
};
