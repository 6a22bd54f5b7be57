import { unprocessable } from "../../base/errors.ts";
import { channelImage } from "../../cube/image_side.ts";
import { nearestStep } from "../../cube/nearest_step.ts";
import type { Axis } from "../../schemas/cube.ts";
import type { ExperimentRequest } from "../../schemas/experiment.ts";
import type { StoredExperiment } from "../../store/ports/experiment_store.ts";
import type { Store } from "../../store/ports/store.ts";

/** What an experiment is opened on: an image, and what is known of the spectra before the first is measured. */
export interface OpenedMap {
  image_HW: Float32Array;
  /** rows, cols */
  shape: [number, number];
  spectra: Pick<StoredExperiment, "points" | "axis" | "quantity" | "unit" | "pixel">;
}

const MOST_PIXELS = 2 ** 20;

/**
 * The map of a request: its image, or that of a cube. Throws `image_or_cube`, `shape_mismatch`, `not_finite`, `constant_image`,
 * `axis_values` and `map_too_large` (unprocessable), and `cube_missing`.
 */
export async function openedMap(request: ExperimentRequest, store: Pick<Store, "cubes">): Promise<OpenedMap> {
  const { cube, image, map, imageAt } = request;
  if ((cube === undefined) === (image === undefined)) {
    throw unprocessable("image_or_cube", "Received both or neither of cube and image; expected one of them");
  }
  if (map !== undefined && imageAt !== undefined) {
    throw unprocessable("map_or_value", "Received both map and imageAt; expected one of them at most");
  }
  if (cube !== undefined) return await fromCube(cube, request, store);
  if (map === undefined && imageAt === undefined) return fromImage(request);
  throw unprocessable("map_without_cube", "Received map or imageAt with an image; expected them with a cube only");
}

function fromImage({ image, axis, quantity, unit, pixel }: ExperimentRequest): OpenedMap {
  const { shape: [rows, cols], data } = image!;
  if (data.length !== rows * cols) {
    throw unprocessable("shape_mismatch", `Image has ${data.length} values; expected ${rows} x ${cols}`);
  }
  const broken = data.findIndex((value) => value === null || !Number.isFinite(value));
  if (broken >= 0) {
    const place = `row ${Math.floor(broken / cols)}, column ${broken % cols}`;
    throw unprocessable("not_finite", `Image has no finite value at ${place}; expected one for every pixel`);
  }
  if (data.every((value) => value === data[0])) {
    throw unprocessable("constant_image", `Every pixel of the image is ${data[0]}; expected an image that varies`);
  }
  if (axis && !("values" in axis)) {
    throw unprocessable("axis_values", "The axis has start and stop; expected its values, one for each spectral step");
  }
  const known: Axis | undefined = axis && { name: axis.name, unit: axis.unit, values: axis.values };
  return {
    image_HW: Float32Array.from(data as number[]),
    shape: [rows, cols],
    spectra: { points: known?.values.length ?? null, axis: known, quantity: quantity ?? "", unit: unit ?? "", pixel },
  };
}

async function fromCube(
  id: string,
  { map, imageAt }: ExperimentRequest,
  store: Pick<Store, "cubes">,
): Promise<OpenedMap> {
  const cube = await store.cubes.open(id);
  const [rows, cols, points] = cube.shape;
  if (rows * cols > MOST_PIXELS) {
    const detail = `The map is ${rows} x ${cols} pixels; expected at most ${MOST_PIXELS} in all`;
    throw unprocessable("map_too_large", detail);
  }
  const { quantity, unit } = cube;
  return {
    image_HW: map === undefined
      ? await cube.readMap(nearestStep(cube.axes.spectral.values, imageAt ?? 0))
      : channelImage(map, { rows, cols, channel: await cube.readImage(map), names: cube.imageNames }),
    shape: [rows, cols],
    spectra: { points, axis: cube.axes.spectral, quantity, unit },
  };
}
