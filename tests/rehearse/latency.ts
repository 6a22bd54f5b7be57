/**
 * How long an instrument waits: `deno run -A tests/rehearse/latency.ts [--side 60] [--points 2500] [--steps 64]`. Fills an experiment
 * with so many points, then sends 20 batches of 16 while refits run, and 64 points at once whose refit is timed.
 */
import { parseArgs } from "node:util";
import type { ExperimentView } from "../../lib/schemas/experiment.ts";
import { startService } from "../support/running_service.ts";

const { values } = parseArgs({
  options: {
    side: { type: "string", default: "60" },
    points: { type: "string", default: "2500" },
    steps: { type: "string", default: "64" },
  },
});
const [side, wanted, steps] = [Number(values.side), Number(values.points), Number(values.steps)];
const BATCHES = 20, REFIT_POINTS = 64;

function spectrumAt({ row, col }: { row: number; col: number }): number[] {
  const [a, b] = [Math.sin(row / 7), Math.cos(col / 9)];
  return Array.from(
    { length: steps },
    (_, s) => a * Math.sin(s / 9) + b * Math.cos(s / 5) + 0.1 * Math.sin(97 * s * a),
  );
}

const service = await startService();
try {
  const post = (body: unknown) => ({
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const data = Array.from(
    { length: side * side },
    (_, i) => Math.sin(Math.floor(i / side) / 7) + Math.cos(i % side / 9) + 0.3 * Math.sin(i * 12.9898),
  ).map((value) => Number(value.toPrecision(9)));
  const image = { shape: [side, side], data };
  const openedMs = performance.now();
  const open = await service.json<ExperimentView>("/v1/experiments", post({ name: "latency", image, batch: 16 }), 201);
  console.log(`opened in ${((performance.now() - openedMs) / 1000).toFixed(2)} s`);
  const path = `/v1/experiments/${open.id}`;
  const send = async (points: ExperimentView["next"]) => {
    const measured = points.map(({ row, col }) => ({ row, col, values: spectrumAt({ row, col }) }));
    return await service.json<ExperimentView>(`${path}/measurements`, post({ points: measured }));
  };
  const upTo = async (measured: number) => {
    const { next } = await service.json<{ next: ExperimentView["next"] }>(`${path}/next?count=1024`);
    return next.slice(0, measured);
  };
  let measured = 0;
  while (measured < wanted) ({ measured } = await send(await upTo(Math.min(1000, wanted - measured))));

  const waits: number[] = [];
  let { next } = await service.json<ExperimentView>(path);
  for (let batch = 0; batch < BATCHES && next.length > 0; batch++) {
    const startMs = performance.now();
    ({ next } = await send(next));
    waits.push(performance.now() - startMs);
  }
  waits.sort((a, b) => a - b);
  console.log(
    `16 points at ${measured} measured: median ${waits[waits.length >> 1].toFixed(0)} ms, most ${
      waits.at(-1)!.toFixed(0)
    } ms`,
  );

  const learned = { headers: { Prefer: "wait=30" } };
  for (let record = await service.json<ExperimentView>(path); record.model?.trainedOn !== record.measured;) {
    record = await service.json<ExperimentView>(path, learned);
  }
  await send(await upTo(REFIT_POINTS));
  await service.json(path, learned);
  const { batches } = await service.json<{ batches: { measured: number; seconds: number }[] }>(`${path}/history`);
  const { measured: total, seconds } = batches.at(-1)!;
  console.log(`a refit with ${REFIT_POINTS} new points, ${total} in all: ${seconds.toFixed(2)} s`);
  const startMs = performance.now();
  await (await service.fetch(`${path}/prediction?index=0`, { headers: { Accept: "application/x-npz" } })).bytes();
  console.log(`prediction of one step: ${((performance.now() - startMs) / 1000).toFixed(2)} s`);
} finally {
  await service.stop();
  await Deno.remove(service.dataFolder, { recursive: true });
}
