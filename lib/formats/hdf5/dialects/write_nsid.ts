import { type Dataset, File, type Group } from "h5wasm";
import type { CubeReader, ImageChannel } from "../../../cube/cube.ts";
import type { Axis } from "../../../schemas/cube.ts";
import { loadHdf5 } from "../hdf5_module.ts";

const CHANNEL = "Channel_000";

/**
 * A cube that fits in memory as the bytes of an NSID HDF5 file: values in float64 with dimension scales, separate image
 * channels beside it. What it writes is read back by this service, HyperSpy's and sidpy's readers.
 * Source: https://pycroscopy.github.io/pyNSID/nsid.html
 */
export async function writeNsid(cube: CubeReader): Promise<Uint8Array<ArrayBuffer>> {
  const module = await loadHdf5();
  const path = `/nsid-${crypto.randomUUID()}.h5`;
  // HDF5 stamps every object with the time: the same cube must give the same bytes, by which it is known.
  const now = Date.now;
  Date.now = () => 0;
  try {
    const file = new File(path, "w");
    try {
      writeCube(file, cube);
    } finally {
      file.close();
    }
  } finally {
    Date.now = now;
  }
  const bytes = new Uint8Array(module.FS.readFile(path) as Uint8Array<ArrayBuffer>);
  module.FS.unlink(path);
  return bytes;
}

function writeCube(file: File, cube: CubeReader): void {
  const [rows, cols, points] = cube.shape;
  const values = Float64Array.from(cube.readBlock({ row: 0, col: 0, rows, cols }));
  const { row, col, spectral } = cube.axes;
  const axes: [Axis, string][] = [[row, "SPATIAL"], [col, "SPATIAL"], [spectral, "SPECTRAL"]];
  writeArray(file, "cube", { ...cube, values, shape: [rows, cols, points], axes, type: "SPECTRAL_IMAGE" });
  for (const name of cube.imageNames) {
    const { values_HW, ...image } = cube.readImage(name) as ImageChannel;
    const shape = [rows, cols];
    writeArray(file, name, {
      ...image,
      values: Float64Array.from(values_HW),
      shape,
      axes: axes.slice(0, 2),
      type: "IMAGE",
    });
  }
}

interface NsidArray {
  values: Float64Array;
  shape: number[];
  axes: [Axis, string][];
  quantity: string;
  unit: string;
  type: string;
}

function writeArray(file: File, name: string, { values, shape, axes, quantity, unit, type }: NsidArray): void {
  const channel = (file.get(CHANNEL) ?? file.create_group(CHANNEL)) as Group;
  const group = channel.create_group(name);
  const main = group.create_dataset({ name, data: values, shape });
  const texts = { quantity, units: unit, data_type: type, main_data_name: name, modality: "", source: "loopscope" };
  for (const [attribute, text] of Object.entries(texts)) main.create_attribute(attribute, text || " ");
  axes.forEach(([axis, role], i) => {
    const scale = group.create_dataset({
      name: axis.name,
      data: Float64Array.from(axis.values),
      shape: [axis.values.length],
    });
    const about = { name: axis.name, units: axis.unit, quantity: axis.name, dimension_type: role };
    for (const [attribute, text] of Object.entries(about)) scale.create_attribute(attribute, text || " ");
    (scale as Dataset).make_scale(axis.name);
    main.attach_scale(i, (scale as Dataset).path);
  });
}
