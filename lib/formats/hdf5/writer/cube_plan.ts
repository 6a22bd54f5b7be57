import { type ByteSource, bytesSource } from "../../../base/byte_source.ts";
import { ndArray } from "../../../base/nd_array.ts";
import type { Axis, ImageChannel } from "../../../cube/cube.ts";
import { arrayPlan, type DatasetPlan, type GroupPlan, linkName } from "./hdf5_plan.ts";

export interface CubeToWrite {
  name: string;
  shape: readonly [rows: number, cols: number, points: number];
  axes: { readonly row: Axis; readonly col: Axis; readonly spectral: Axis };
  quantity: string;
  unit: string;
  /** float32, rows x cols x points */
  values: ByteSource;
  /** uint8 of the same shape, 1 where a value was repaired */
  mask?: ByteSource;
  images: readonly ImageChannel[];
  /** What else the root says: id, checksum, format, steps of its preparation. */
  attributes: Readonly<Record<string, string | number>>;
}

/** Its readers demand the attribute. */
const PYNSID_VERSION = "0.0.7";
/** A step this much off the mean step, relative to it, makes an axis one of listed values. */
const UNIFORM_TOLERANCE = 1e-6;

/**
 * A cube as one HDF5 file that NSID's readers and HyperSpy both open: `/Channel_000/cube/cube` with dimension scales and
 * each image channel beside it, and `/Experiments/cube` with a second link to the same values.
 * Source: https://pycroscopy.github.io/pyNSID/nsid.html, https://hyperspy.org/rosettasciio/supported_formats/hspy.html
 */
export function cubePlan(cube: CubeToWrite): GroupPlan {
  const axes = [cube.axes.row, cube.axes.col, cube.axes.spectral];
  const about = { quantity: cube.quantity, unit: cube.unit };
  const names = new Set(["cube", "repaired"]);
  const scales = axes.map((axis, i) => scalePlan(axis, scaleName(axis, i, names), i));
  const main: DatasetPlan = {
    dtype: "float32",
    shape: cube.shape,
    data: cube.values,
    chunked: true,
    attributes: nsidAttributes("cube", "SPECTRAL_IMAGE", about),
    scales,
  };
  const repaired: DatasetPlan | undefined = cube.mask && { dtype: "uint8", shape: cube.shape, data: cube.mask, scales };
  const group = { members: { cube: main, ...(repaired ? { repaired } : {}), ...byName(scales) } };
  const images = cube.images.map((image) => [linkName(image.name), imagePlan(image, cube)] as const);
  return {
    attributes: { ...cube.attributes, name: cube.name, file_format: "HyperSpy", file_format_version: "3.3" },
    members: {
      Channel_000: { members: { ...Object.fromEntries(images), cube: group } },
      Experiments: { members: { cube: experiment(cube, main) } },
    },
  };
}

function imagePlan(image: ImageChannel, { shape: [rows, cols], axes }: CubeToWrite): GroupPlan {
  const name = linkName(image.name);
  const names = new Set([name]);
  const scales = [axes.row, axes.col].map((axis, i) => scalePlan(axis, scaleName(axis, i, names), i));
  const values = arrayPlan(ndArray(image.values_HW, [rows, cols]), {
    attributes: nsidAttributes(name, "IMAGE", image),
    scales,
  });
  return { members: { [name]: values, ...byName(scales) } };
}

/** Every attribute is a text: readers take a missing one, or an empty one, for a broken file. */
function nsidAttributes(name: string, type: string, { quantity, unit }: { quantity: string; unit: string }) {
  const about = { quantity, units: unit, data_type: type, main_data_name: name, modality: "", source: "loopscope" };
  const texts = { ...about, pyNSID_version: PYNSID_VERSION };
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, text || " "]));
}

function scalePlan({ name, unit, values }: Axis, linked: string, index: number): DatasetPlan {
  const about = { name, units: unit, quantity: name, dimension_type: index < 2 ? "SPATIAL" : "SPECTRAL" };
  const attributes = Object.fromEntries(Object.entries(about).map(([key, text]) => [key, text || " "]));
  return arrayPlan(ndArray(Float64Array.from(values), [values.length]), { attributes, scaleName: linked });
}

function scaleName({ name }: Axis, index: number, taken: Set<string>): string {
  const plain = linkName(name || ["row", "col", "spectral"][index]);
  const free = taken.has(plain) ? `${plain}_${index}` : plain;
  taken.add(free);
  return free;
}

function byName(scales: readonly DatasetPlan[]): Record<string, DatasetPlan> {
  return Object.fromEntries(scales.map((scale) => [scale.scaleName!, scale]));
}

/** HyperSpy's own description of the same values; its axes never turn back, so a sweep there and back counts its steps. */
function experiment({ name, axes, quantity, unit }: CubeToWrite, data: DatasetPlan): GroupPlan {
  const described = [axes.row, axes.col, axes.spectral].map((axis, i) => [`axis-${i}`, hyperspyAxis(axis, i < 2)]);
  const about = { signal_type: "", quantity: unit ? `${quantity} (${unit})` : quantity };
  return {
    members: {
      data,
      ...Object.fromEntries(described),
      metadata: { members: { General: texts({ title: name }), Signal: texts(about) } },
      original_metadata: { members: {} },
    },
  };
}

function texts(attributes: Record<string, string>): GroupPlan {
  return { attributes, members: {} };
}

function hyperspyAxis({ name, unit, values }: Axis, navigates: boolean): GroupPlan {
  const size = values.length;
  const about = { name, units: unit, size, navigate: navigates };
  const scale = values.length > 1 ? (values[values.length - 1] - values[0]) / (values.length - 1) : 1;
  const isUniform = scale !== 0 &&
    values.every((value, i) => Math.abs(value - values[0] - i * scale) <= UNIFORM_TOLERANCE * Math.abs(scale));
  if (isUniform) return { attributes: { ...about, _type: "UniformDataAxis", offset: values[0], scale }, members: {} };
  const turns = values.some((value, i) => i > 0 && Math.sign(value - values[i - 1]) !== Math.sign(scale));
  if (turns || scale === 0) {
    const steps = { ...about, name: `${name} (step)`, units: "", _type: "UniformDataAxis", offset: 0, scale: 1 };
    return { attributes: steps, members: {} };
  }
  const axis = { dtype: "float64", shape: [values.length], data: bytesSource(bytesOf(values)) } as const;
  return { attributes: { ...about, _type: "DataAxis" }, members: { axis } };
}

function bytesOf(values: readonly number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Float64Array.from(values).buffer);
}
