import { assert, assertEquals } from "../support/assert.ts";
import { type RunningService, startService } from "../support/running_service.ts";
import { filmFile, uploadCube } from "../support/small_cube.ts";

interface Experiment {
  id: string;
  state: string;
  measured: number;
  forbiddenPixels?: number;
  pathLength?: number;
  next: { row: number; col: number }[];
  model?: { trainedOn: number };
  result?: { cube: string; job?: string };
}

const post = (body: unknown) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

const spectrumAt = (row: number, col: number) =>
  Array.from({ length: 6 }, (_, s) => Math.sin(row / 4) * s + Math.cos(col / 5));
const IMAGE = {
  shape: [20, 22],
  data: Array.from({ length: 440 }, (_, i) => Math.sin(Math.floor(i / 22) / 4) + Math.cos(i % 22 / 5)),
};

async function codeOf(service: RunningService, path: string, body: unknown): Promise<[number, string]> {
  const answer = await service.fetch(path, post(body));
  return [answer.status, (await answer.json()).code];
}

Deno.test("an experiment on an image: points in, next points out, prediction, history, kill -9, finish", async () => {
  let service = await startService();
  const { dataFolder } = service;
  try {
    const axis = { name: "bias", unit: "V", values: [0, 1, 2, 3, 4, 5] };
    const body = { name: "night", image: IMAGE, axis, quantity: "Response", unit: "pm", batch: 12, seed: 4 };
    let open = await service.json<Experiment>("/v1/experiments", post(body), 201);
    const path = `/v1/experiments/${open.id}`;
    assertEquals([open.state, open.measured, open.next.length], ["open", 0, 12]);
    assertEquals(
      await codeOf(service, `${path}/measurements`, { points: [{ row: 20, col: 0, values: spectrumAt(0, 0) }] }),
      [422, "outside_map"],
    );

    const measure = async (points: { row: number; col: number }[]) => {
      const values = points.map(({ row, col }) => ({ row, col, values: spectrumAt(row, col) }));
      return await service.json<Experiment>(`${path}/measurements`, post({ points: values }));
    };
    let { measured, next } = await measure(open.next);
    assertEquals([measured, next.length], [12, 12]);
    const twice = [{ ...next[0], values: spectrumAt(1, 1) }, { ...open.next[0], values: spectrumAt(0, 0) }];
    assertEquals(
      await codeOf(service, `${path}/measurements`, {
        points: twice.map(({ row, col, values }) => ({ row, col, values })),
      }),
      [409, "already_measured"],
    );
    assertEquals(
      await codeOf(service, `${path}/measurements`, {
        points: [{ row: next[0].row, col: next[0].col, values: [1, 2] }],
      }),
      [422, "spectrum_length"],
    );
    assertEquals((await service.json<Experiment>(path)).measured, 12, "nothing of a refused call is kept");

    const learned = await service.json<Experiment>(path, { headers: { Prefer: "wait=20" } });
    assertEquals(learned.model!.trainedOn, 12);
    for (let round = 0; round < 3; round++) {
      ({ measured, next } = await measure(next));
      await service.json<Experiment>(path, { headers: { Prefer: "wait=20" } });
    }
    assertEquals(measured, 48);
    const prediction = await service.json<
      { mean: { shape: number[]; data: number[] }; spread: { shape: number[] }; measured: { data: number[] } }
    >(`${path}/prediction`);
    assertEquals([prediction.mean.shape, prediction.spread.shape], [[20, 22, 6], [20, 22]]);
    assertEquals(prediction.measured.data.reduce((a, b) => a + b, 0), 48);
    const error = prediction.mean.data.reduce((sum, value, at) => {
      const pixel = Math.floor(at / 6);
      return sum +
        Math.abs(value - spectrumAt(Math.floor(pixel / 22), pixel % 22)[at % 6]) / prediction.mean.data.length;
    }, 0);
    assert(error < 0.25, `mean error ${error}`);
    const { batches } = await service.json<{ batches: { measured: number; before?: { r2: number } }[] }>(
      `${path}/history`,
    );
    assertEquals(batches.at(-1)!.measured, 48);
    assert(batches.at(-1)!.before!.r2 > 0.5, JSON.stringify(batches.at(-1)));

    const { image } = await service.json<{ image: { shape: number[]; data: number[] } }>(`${path}/image`);
    assertEquals([image.shape, image.data.map((value) => value.toFixed(5))], [
      IMAGE.shape,
      IMAGE.data.map((value) => value.toFixed(5)),
    ]);
    const kept = await service.json<
      { points: { shape: number[]; data: number[] }; values: { data: number[] }; axis: unknown }
    >(`${path}/measurements`);
    assertEquals([kept.points.shape, kept.values.data.length, kept.axis], [[48, 2], 48 * 6, axis]);
    const first = open.next.flatMap(({ row, col }) => [row, col]);
    assertEquals(kept.points.data.slice(0, 24), first, "in the order of measurement");
    assertEquals(kept.values.data.slice(0, 6).map(Math.fround), spectrumAt(first[0], first[1]).map(Math.fround));

    const ahead = await service.json(`${path}/next?count=60`);
    await service.kill();
    service = await startService({ dataFolder });
    open = await service.json<Experiment>(path);
    assertEquals([open.measured, open.next], [48, next], "no point is lost, the next points are the same");
    assertEquals(await service.json(`${path}/next?count=60`), ahead, "and so are those after them");
    assertEquals((await measure(next)).measured, 60);

    const finished = await service.json<Experiment>(`${path}/finish`, post({}));
    assertEquals(finished.state, "finished");
    const cube = await service.json<
      { shape: number[]; quantity: string; unit: string; axes: { spectral: unknown }; maps: { name: string }[] }
    >(`/v1/cubes/${finished.result!.cube}`);
    assertEquals([cube.shape, cube.quantity, cube.unit, cube.axes.spectral, cube.maps.map(({ name }) => name)], [
      [20, 22, 6],
      "Response",
      "pm",
      axis,
      ["image"],
    ]);
    assertEquals(
      await codeOf(service, `${path}/measurements`, { points: [{ row: 0, col: 0, values: spectrumAt(0, 0) }] }),
      [409, "experiment_finished"],
    );
    assertEquals((await service.fetch(path, { method: "DELETE" })).status, 204);
    assertEquals((await service.fetch(path)).status, 404);
  } finally {
    await service.stop();
    await Deno.remove(dataFolder, { recursive: true });
  }
});

Deno.test("two instruments on one experiment get different points; a repeated call gets the same answer after kill -9", async () => {
  let service = await startService();
  const { dataFolder } = service;
  try {
    const body = { name: "pair", image: IMAGE, batch: 10, strategy: "space" };
    const { id, next } = await service.json<Experiment>("/v1/experiments", post(body), 201);
    const path = `/v1/experiments/${id}`;
    const measure = (points: Experiment["next"], key: string) => {
      const body = post({ points: points.map((point) => ({ ...point, values: spectrumAt(point.row, point.col) })) });
      return service.json<Experiment>(`${path}/measurements`, {
        ...body,
        headers: { ...body.headers, "Idempotency-Key": key },
      });
    };
    const place = ({ row, col }: { row: number; col: number }) => row * 22 + col;
    const joined = (await measure([], "join")).next;
    const handedOut = [...next, ...joined].map(place);
    let [left, right] = [next, joined];
    for (let round = 0; round < 6; round++) {
      const answers = await Promise.all([measure(left, `left-${round}`), measure(right, `right-${round}`)]);
      [left, right] = answers.map((answer) => answer.next);
      handedOut.push(...left.map(place), ...right.map(place));
    }
    assertEquals(new Set(handedOut).size, 140);
    const last = await measure(left, "last");
    await service.kill();
    service = await startService({ dataFolder });
    const again = await measure(left, "last");
    assertEquals([again.measured, again.next], [130, last.next]);
  } finally {
    await service.stop();
    await Deno.remove(dataFolder, { recursive: true });
  }
});

Deno.test("forbidden pixels are never proposed but may be measured, and a batch is sorted as a way of the tip", async () => {
  const service = await startService();
  try {
    const forbidden = [[[0, 0], [0, 21], [9, 21], [9, 0]]];
    const body = { name: "edge", image: IMAGE, batch: 12, order: "path", forbidden };
    const open = await service.json<Experiment>("/v1/experiments", post(body), 201);
    const path = `/v1/experiments/${open.id}`;
    assertEquals(open.forbiddenPixels, 220);
    let { next } = open;
    const seen = new Set<number>();
    let measured = 0;
    for (let round = 0; next.length > 0; round++) {
      const points = round === 0 ? [...next, { row: 3, col: 3 }] : next;
      const answer = await service.json<Experiment>(
        `${path}/measurements`,
        post({ points: points.map(({ row, col }) => ({ row, col, values: spectrumAt(row, col) })) }),
      );
      for (const { row, col } of next) {
        assert(row > 9);
        seen.add(row * 22 + col);
      }
      assertEquals(answer.measured, measured += points.length);
      const way = [points.at(-1)!, ...answer.next];
      const length = answer.next.reduce(
        (sum, { row, col }, i) => sum + Math.hypot(row - way[i].row, col - way[i].col),
        0,
      );
      assert(Math.abs(answer.pathLength! - length) < 1e-9, `${answer.pathLength} and ${length}`);
      next = answer.next;
    }
    assertEquals([seen.size, measured], [220, 221], "every other pixel was proposed once, the last batch is smaller");
    const all = [[[-1, -1], [-1, 30], [30, 30], [30, -1]]];
    assertEquals(await codeOf(service, "/v1/experiments", { ...body, forbidden: all }), [422, "all_forbidden"]);
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
});

Deno.test("a rehearsal reveals spectra as they are asked for, tells what happens, and ends in a model", async () => {
  const service = await startService();
  try {
    const cube = await uploadCube(service, await filmFile(24, 24, 16));
    assertEquals(await codeOf(service, "/v1/experiments", { name: "x", cube: cube.id, strategy: "target" }), [
      422,
      "target_missing",
    ]);
    assertEquals(await codeOf(service, "/v1/experiments", { name: "x", cube: "cube_none" }), [404, "cube_missing"]);
    assertEquals(await codeOf(service, "/v1/experiments", { name: "x" }), [422, "image_or_cube"]);
    assertEquals(await codeOf(service, "/v1/experiments", { name: "x", cube: cube.id, map: "nothing" }), [
      422,
      "map_not_there",
    ]);
    const target = { parameter: "area", goal: "max" };
    const aimed = { name: "x", image: IMAGE, strategy: "target", target };
    const unknown = await service.json<Experiment>("/v1/experiments", post(aimed), 201);
    const measured = unknown.next.map((point) => ({ ...point, values: [1, 2, 3, 4] }));
    assertEquals(await codeOf(service, `/v1/experiments/${unknown.id}/measurements`, { points: measured }), [
      422,
      "target_impossible",
    ]);
    const flat = { ...IMAGE, data: IMAGE.data.map(() => 1) };
    assertEquals(await codeOf(service, "/v1/experiments", { name: "x", image: flat }), [422, "constant_image"]);
    const holed = { ...IMAGE, data: IMAGE.data.map((value, i) => (i === 30 ? null : value)) };
    assertEquals(await codeOf(service, "/v1/experiments", { name: "x", image: holed }), [422, "not_finite"]);

    const { id, next } = await service.json<Experiment>(
      "/v1/experiments",
      post({ name: "rehearsal", cube: cube.id, window: 4, batch: 32 }),
      201,
    );
    const path = `/v1/experiments/${id}`;
    const events = await service.fetch(`${path}/events`);
    const asked = (points: { row: number; col: number }[]) => ({
      points: points.map(({ row, col }) => ({ row, col })),
    });
    assertEquals(await codeOf(service, `${path}/measurements`, { points: [{ ...next[0], values: [1] }] }), [
      422,
      "rehearsal_values",
    ]);
    let points = next;
    for (let round = 0; round < 8; round++) {
      points = (await service.json<Experiment>(`${path}/measurements`, post(asked(points)))).next;
    }
    assertEquals((await service.json<Experiment>(path, { headers: { Prefer: "wait=20" } })).model!.trainedOn, 256);
    assertEquals((await service.json<{ next: unknown[] }>(`${path}/next?count=100`)).next.length, 100);
    const { batches } = await service.json<{ batches: { map: { r2: number; random: number } }[] }>(`${path}/history`);
    const { map } = batches.at(-1)!;
    assert(map.r2 > 0.5 && map.r2 <= 1 && map.random > 0.5 && map.random <= 1, JSON.stringify(map));
    const grid = await service.json<{ mean: { shape: number[]; data: number[] } }>(`${path}/prediction`);
    const step = await service.json<{ mean: { shape: number[]; data: number[] } }>(`${path}/prediction?index=5`);
    assertEquals([grid.mean.shape, step.mean.shape], [[24, 24, 16], [24, 24]]);
    assertEquals(step.mean.data, grid.mean.data.filter((_, at) => at % 16 === 5));
    const outside = await service.fetch(`${path}/prediction?index=16`);
    assertEquals([outside.status, (await outside.json()).code], [422, "index_outside"]);
    const { result } = await service.json<Experiment>(`${path}/finish`, post({ saveAs: "rehearsed" }));
    assert(result!.job !== undefined);
    const text = await events.text();
    for (const event of ["batch", "model", "state", "done"]) {
      assert(text.includes(`event: ${event}\n`), `no ${event} in ${text}`);
    }
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
});
