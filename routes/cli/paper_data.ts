import type { Client, Json } from "./client.ts";

/** An array of an answer. */
export interface Grid {
  shape: number[];
  data: number[];
}

export interface PaperCube {
  id: string;
  name: string;
  rows: number;
  cols: number;
  axis: { name: string; unit: string; values: number[] };
  unit: string;
}

/** A model applied to the cube: where its results are, and what they were made from. */
export interface PaperModel {
  label: string;
  base: string;
  direction: "im2spec" | "spec2im";
  window: number;
  /** Query of the image that patches are cut from. */
  image: string;
  trainLoss: number[];
  testLoss: number[];
}

/** JSON of a derived result, with missing numbers as NaN. */
export async function readResult(client: Client, path: string): Promise<Json> {
  const text = await (await client.result(path, "application/json")).text();
  return JSON.parse(text, (key, value) => key === "data" && Array.isArray(value) ? value.map((v) => v ?? NaN) : value);
}

/** The named cube, or the first there is. */
export async function findCube(client: Client, id: string | undefined): Promise<PaperCube> {
  const { items } = await client.get("/v1/cubes?limit=1") as { items: Json[] };
  const record = id ? await client.get(`/v1/cubes/${id}`) : items[0];
  if (!record) throw new Error("The service has no cube: upload one first");
  const [rows, cols] = record.shape as number[];
  const axis = (record.axes as { spectral: PaperCube["axis"] }).spectral;
  return { id: String(record.id), name: String(record.name), rows, cols, axis, unit: String(record.unit) };
}

/** The named model, or the first of its direction whose axis is the cube's. */
export async function findModel(
  client: Client,
  cube: PaperCube,
  direction: PaperModel["direction"],
  name: string | undefined,
): Promise<PaperModel> {
  const { items } = await client.get("/v1/models?limit=500") as { items: { name: string; direction: string }[] };
  const names = name ? [name] : items.filter((item) => item.direction === direction).map((item) => item.name);
  for (const wanted of names) {
    const [plain, version = "latest"] = wanted.split("@");
    const model = await client.get(`/v1/models/${plain}/versions/${version}`);
    const network = model.network as { direction: string; window: number };
    const fits = Boolean(name) || sameAxis(model.axis as PaperCube["axis"] | undefined, cube);
    if (network.direction !== direction || !fits) continue;
    const image = (model.image ?? { imageAt: 0 }) as { imageAt?: number; map?: string };
    const history = (model.training as Json | undefined)?.history as
      | { trainLoss: number[]; testLoss: number[] }
      | undefined;
    return {
      label: `${plain}@${model.version}`,
      base: `/v1/models/${plain}/versions/${model.version}/cubes/${cube.id}`,
      direction,
      window: network.window,
      image: image.map === undefined ? `at=${image.imageAt}` : `map=${encodeURIComponent(image.map)}`,
      trainLoss: history?.trainLoss ?? [],
      testLoss: history?.testLoss ?? [],
    };
  }
  throw new Error(
    `There is no ${direction} model for the axis of ${cube.name}: train one first`,
  );
}

/** The same values within a hundredth of the range; a model without an axis says nothing against it. */
function sameAxis(axis: PaperCube["axis"] | undefined, { axis: { values } }: PaperCube): boolean {
  const limit = 0.01 * (Math.max(...values) - Math.min(...values));
  if (!axis) return true;
  return axis.values.length === values.length && axis.values.every((value, i) => Math.abs(value - values[i]) <= limit);
}
