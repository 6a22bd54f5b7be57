import type { Client } from "./client.ts";
import { type Grid, type PaperCube, type PaperModel, readResult } from "./paper_data.ts";
import {
  type Box,
  COLOURS,
  type Curve,
  svgClasses,
  svgCurveGrid,
  svgCurves,
  svgFigure,
  svgMap,
  svgScatter,
} from "./svg.ts";

export interface PaperInput {
  client: Client;
  cube: PaperCube;
  im2spec: PaperModel;
  spec2im: PaperModel;
}

const SIDE = 180, GAP = 40, STEPS = 9;
type Pixel = { row: number; col: number };
type Component = { decoded: Grid; average: Grid };

/** Fig. 1b, c: the domains and loops at five places on them. */
export async function figure1({ client, cube, im2spec }: PaperInput): Promise<string> {
  const { values } = await readResult(client, `/v1/cubes/${cube.id}/map?${im2spec.image}`) as unknown as {
    values: Grid;
  };
  const places = spread(cube);
  const curves: Curve[] = [];
  for (const [k, { row, col }] of places.entries()) {
    const { values: loop } = await readResult(
      client,
      `/v1/cubes/${cube.id}/spectrum?row=${row}&col=${col}&radius=1`,
    ) as { values: Grid };
    curves.push({ x: cube.axis.values, y: loop.data, colour: COLOURS[k] });
  }
  const map = box(0, 0, "1b  image");
  const marks = places.map(({ row, col }, k) =>
    `<circle cx="${map.x + (col + 0.5) / cube.cols * SIDE}" cy="${
      map.y + (row + 0.5) / cube.rows * SIDE
    }" r="4" fill="none" stroke="${COLOURS[k]}" stroke-width="2"/>`
  );
  return sheet(2, 1, [
    svgMap(map, { values: values.data, rows: cube.rows, cols: cube.cols }),
    ...marks,
    svgCurves(box(1, 0, "1c  spectra"), curves, axes(cube)),
  ]);
}

/** Figs 3 and 4: measured and predicted at held-out pixels, the errors' map, and the curves of training. */
export async function figurePredictions(
  { client, cube }: PaperInput,
  model: PaperModel,
  number: number,
): Promise<string> {
  const errors = await readResult(client, `${model.base}/errors`) as unknown as { nrmse: Grid; part: Grid };
  const held = errors.part.data.flatMap((part, i) =>
    part === 3 ? [{ row: Math.floor(i / cube.cols), col: i % cube.cols }] : []
  );
  const panels: string[] = [];
  const chosen = [0.1, 0.3, 0.5, 0.7, 0.9].map((share) => held[Math.floor(share * held.length)]);
  for (const [k, pixel] of chosen.entries()) {
    panels.push(...await pixelPanels({ client, cube, model, number, pixel, k }));
  }
  const epochs = (loss: number[]) => ({ x: loss.map((_, i) => i + 1), y: loss });
  const losses = [{ ...epochs(model.trainLoss), colour: COLOURS[0] }, {
    ...epochs(model.testLoss),
    colour: COLOURS[1],
    dashed: true,
  }];
  panels.push(
    svgMap(box(0, 2, `${number}  error (nrmse)`), { values: errors.nrmse.data, rows: cube.rows, cols: cube.cols }),
    svgCurves(box(1, 2, `${number}  loss, train and test (dashed)`), losses, { x: "epoch", y: "" }),
  );
  return sheet(5, 3, panels);
}

async function pixelPanels(
  { client, cube, model, number, pixel: { row, col }, k }: {
    client: Client;
    cube: PaperCube;
    model: PaperModel;
    number: number;
    pixel: Pixel;
    k: number;
  },
): Promise<string[]> {
  const one = await readResult(client, `${model.base}/predictions?row=${row}&col=${col}`) as unknown as Record<
    "patch" | "measured" | "predicted",
    Grid
  >;
  const patch = { rows: model.window, cols: model.window };
  if (model.direction === "spec2im") {
    return [
      svgMap(box(k, 0, `${number}  patch at ${row}, ${col}`), { ...patch, values: one.patch.data }),
      svgMap(box(k, 1, `${number}  predicted from its spectrum`), { ...patch, values: one.predicted.data }),
    ];
  }
  const curves = [
    { x: cube.axis.values, y: one.measured.data, colour: "#222222" },
    { x: cube.axis.values, y: one.predicted.data, colour: COLOURS[1], dashed: true },
  ];
  return [
    svgMap(box(k, 0, `${number}  patch at ${row}, ${col}`), { ...patch, values: one.patch.data }),
    svgCurves(box(k, 1, `${number}  measured, predicted (dashed)`), curves, axes(cube)),
  ];
}

/** Fig. 5b to g: errors of both directions, latent maps, and the latent plane decoded and inverted. */
export async function figure5({ client, cube, im2spec, spec2im }: PaperInput): Promise<string> {
  const forward = await readResult(client, `${im2spec.base}/errors`) as unknown as {
    nrmse: Grid;
    areaAbs: Grid | null;
  };
  const backward = await readResult(client, `${spec2im.base}/errors`) as unknown as { ssim: Grid };
  const { maps } = await readResult(client, `${im2spec.base}/latents`) as unknown as { maps: Grid };
  const manifold = await readResult(client, `${im2spec.base}/manifold?steps=${STEPS}`) as unknown as {
    decoded: Grid;
    nearest: Grid;
  };
  const map = (at: Box, values: number[]) => svgMap(at, { values, rows: cube.rows, cols: cube.cols });
  const pixels = cube.rows * cube.cols;
  return sheet(3, 2, [
    map(
      box(0, 0, forward.areaAbs ? "5b  loop area error" : "5b  error (nrmse)"),
      (forward.areaAbs ?? forward.nrmse).data,
    ),
    map(box(1, 0, "5c  1 - SSIM, spec2im"), backward.ssim.data),
    map(box(2, 0, "5d  latent z1"), maps.data.slice(0, pixels)),
    map(box(0, 1, "5e  latent z2"), maps.data.slice(pixels, 2 * pixels)),
    svgCurveGrid(box(1, 1, "5f  decoded latent plane"), {
      cells: cells(manifold.decoded),
      steps: STEPS,
      x: cube.axis.values,
    }),
    patchGrid(box(2, 1, "5g  nearest measured patches"), cells(manifold.nearest), im2spec.window),
  ]);
}

/**
 * Beyond the paper: errors of the average of unlike methods, the smallest error of any, and which method that is. Undefined where
 * the model was not trained on this cube.
 */
export async function figureConsensus({ client, cube }: PaperInput, model: PaperModel): Promise<string | undefined> {
  try {
    const { mse, smallest, explainedBy } = await readResult(client, `${model.base}/consensus`) as unknown as {
      [map in "mse" | "smallest" | "explainedBy"]: Grid;
    };
    const map = (at: Box, { data }: Grid) => svgMap(at, { values: data, rows: cube.rows, cols: cube.cols });
    return sheet(3, 1, [
      map(box(0, 0, "error (mse) of the average of model, kernel ridge and trees"), mse),
      map(box(1, 0, "smallest error of any method: what none explains"), smallest),
      map(box(2, 0, "method: 0 model, 1 ridge, 2 kernel ridge, 3 trees, 4 average"), explainedBy),
    ]);
  } catch (error) {
    if ((error as { code?: string }).code === "not_trained_here") return undefined;
    throw error;
  }
}

/** Figs 6 and 7: the mixture in latent space, its map, criterion, and each component's spectrum and patch. */
export async function figureMixture({ client, cube }: PaperInput, model: PaperModel, number: number): Promise<string> {
  const gmm = await readResult(client, `${model.base}/gmm?components=6`) as unknown as {
    labels: Grid;
    bic: Grid;
    components: Component[];
  };
  const { latents, positions } = await readResult(client, `${model.base}/latents`) as unknown as {
    latents: Grid;
    positions: Pixel & { row0: number; col0: number; rows: number; cols: number };
  };
  const size = latents.shape[2], count = latents.data.length / size;
  const column = (l: number) => Array.from({ length: count }, (_, n) => latents.data[n * size + Math.min(l, size - 1)]);
  const classes = Array.from(
    { length: count },
    (_, n) =>
      gmm.labels
        .data[(positions.row0 + Math.floor(n / positions.cols)) * cube.cols + positions.col0 + n % positions.cols],
  );
  const forward = model.direction === "im2spec";
  const spectra = gmm.components.map(({ decoded, average }, k) => ({
    x: cube.axis.values,
    y: (forward ? decoded : average).data,
    colour: COLOURS[k],
  }));
  const patches = gmm.components.map(({ decoded, average }) => (forward ? average : decoded).data);
  const small = (SIDE - 10) / 3;
  return sheet(5, 1, [
    svgScatter(box(0, 0, `${number}a  mixture in latent space`), { x: column(0), y: column(1), classes }, {
      x: "z1",
      y: "z2",
    }),
    svgClasses(box(1, 0, `${number}b  classes`), gmm.labels.data, cube.rows, cube.cols),
    svgCurves(box(2, 0, `${number}c  BIC`), [{
      x: gmm.bic.data.map((_, k) => k + 1),
      y: gmm.bic.data,
      colour: COLOURS[0],
    }], { x: "components", y: "" }),
    svgCurves(box(3, 0, `${number}d  characteristic spectra`), spectra, axes(cube)),
    ...patches.map((values, k) => {
      const at = box(4, 0, k === 0 ? `${number}e  domain elements` : "");
      const place = {
        ...at,
        x: at.x + k % 3 * (small + 5),
        y: at.y + Math.floor(k / 3) * (small + 18),
        width: small,
        height: small,
      };
      return svgMap(place, { values, rows: model.window, cols: model.window }).replace(
        /fill="#555">[^<]*</,
        `fill="${COLOURS[k]}">class ${k + 1}<`,
      );
    }),
  ]);
}

function patchGrid(at: Box, patches: number[][], window: number): string {
  const side = STEPS * window, values = new Float64Array(side * side);
  patches.forEach((patch, cell) => {
    const left = Math.floor(cell / STEPS) * window, top = (STEPS - 1 - cell % STEPS) * window;
    patch.forEach((value, i) => values[(top + Math.floor(i / window)) * side + left + i % window] = value);
  });
  return svgMap(at, { values, rows: side, cols: side });
}

function cells({ data, shape }: Grid): number[][] {
  const count = shape[0] * shape[1], size = data.length / count;
  return Array.from({ length: count }, (_, k) => data.slice(k * size, (k + 1) * size));
}

/** Five places spread over the map. */
function spread({ rows, cols }: PaperCube): Pixel[] {
  return [[0.2, 0.2], [0.3, 0.75], [0.5, 0.5], [0.75, 0.3], [0.8, 0.8]].map(([r, c]) => ({
    row: Math.floor(r * rows),
    col: Math.floor(c * cols),
  }));
}

function box(column: number, line: number, title: string): Box {
  return { x: 15 + column * (SIDE + GAP), y: 25 + line * (SIDE + 45), width: SIDE, height: SIDE, title };
}

function sheet(columns: number, lines: number, parts: string[]): string {
  return svgFigure(columns * (SIDE + GAP), lines * (SIDE + 45) + 10, parts);
}

function axes({ axis, unit }: PaperCube): { x: string; y: string } {
  return { x: [axis.name, axis.unit && `(${axis.unit})`].filter(Boolean).join(" "), y: unit };
}
