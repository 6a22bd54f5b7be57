import type { Dataset, File, Group } from "h5wasm";
import { ndArray } from "../../lib/base/nd_array.ts";
import { encodeNpz } from "../../lib/formats/numpy/npz.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { hdf5Bytes } from "./support/hdf5_bytes.ts";
import { type ReadCube, readCube } from "./support/with_file.ts";

/** An axis of a measurement; all have different lengths. */
interface TestAxis {
  name: string;
  unit: string;
  values: number[];
}

const steps = (count: number, from: number, step: number) => Array.from({ length: count }, (_, i) => from + i * step);
const Y: TestAxis = { name: "y", unit: "nm", values: steps(3, 0, 2) };
const X: TestAxis = { name: "x", unit: "nm", values: steps(5, 1, 2) };
const TIME: TestAxis = { name: "time", unit: "s", values: steps(4, 0, 60) };
const SPECTRA: TestAxis[] = [
  { name: "bias", unit: "V", values: steps(6, -3, 1) },
  { name: "Wavelength", unit: "nm", values: steps(6, 400, 10) },
  { name: "Energy", unit: "eV", values: steps(6, 350, 0.25) },
];

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, i) => permutations(items.filter((_, j) => j !== i)).map((rest) => [item, ...rest]));
}

/** The value at an index of each axis, whatever their order: 1000 time + 100 y + 10 x + step. */
function valuesOf(axes: readonly TestAxis[]): Float64Array {
  const weight = (axis: TestAxis) => axis === TIME ? 1000 : axis === Y ? 100 : axis === X ? 10 : 1;
  const count = axes.reduce((product, { values }) => product * values.length, 1);
  return Float64Array.from({ length: count }, (_, flat) => {
    let [rest, value] = [flat, 0];
    for (const axis of [...axes].reverse()) {
      value += weight(axis) * (rest % axis.values.length);
      rest = Math.floor(rest / axis.values.length);
    }
    return value;
  });
}

const shapeOf = (axes: readonly TestAxis[]) => axes.map(({ values }) => values.length);

function withAttributes(dataset: Dataset, { unit }: TestAxis): Dataset {
  dataset.create_attribute("units", unit);
  return dataset;
}

/** `scaled` writes the values and one dataset an axis into a group. */
function scaled(group: File | Group, axes: readonly TestAxis[]): Dataset {
  const data = group.create_dataset({ name: "data", data: valuesOf(axes), shape: shapeOf(axes) }) as Dataset;
  for (const axis of axes) {
    const { name, values } = axis;
    withAttributes(group.create_dataset({ name, data: Float64Array.from(values) }) as Dataset, axis);
  }
  return data;
}

const LAYOUTS: Record<string, (axes: readonly TestAxis[]) => Promise<Uint8Array> | Uint8Array> = {
  "curves beside it in an NPZ": (axes) => {
    const curves = axes.map(({ name, values }) => [name, ndArray(Float64Array.from(values), [values.length])]);
    return encodeNpz({ cube: ndArray(valuesOf(axes), shapeOf(axes)), ...Object.fromEntries(curves) });
  },
  "curves beside it in HDF5": (axes) => hdf5Bytes((file) => void scaled(file, axes)),
  "HDF5 dimension scales": (axes) =>
    hdf5Bytes((file) => {
      const data = scaled(file, axes);
      axes.forEach(({ name }, i) => {
        (file.get(name) as Dataset).make_scale(name);
        data.attach_scale(i, `/${name}`);
      });
    }),
  "NXdata's axes": (axes) =>
    hdf5Bytes((file) => {
      const group = file.create_group("entry");
      scaled(group, axes);
      group.create_attribute("NX_class", "NXdata");
      group.create_attribute("signal", "data");
      group.create_attribute("axes", axes.map(({ name }) => name));
    }),
};

function check(cube: ReadCube, spectrum: TestAxis, time: number, { hasUnits }: { hasUnits: boolean }): void {
  assertEquals(cube.values, [...valuesOf([Y, X, spectrum])].map((value) => value + 1000 * time));
  const wanted = [Y, X, spectrum].map(({ name, unit, values }) => ({ name, unit: hasUnits ? unit : "", values }));
  assertEquals([cube.axes.row, cube.axes.col, cube.axes.spectral], wanted);
}

for (const [layout, write] of Object.entries(LAYOUTS)) {
  const hasUnits = !layout.includes("NPZ");
  Deno.test(`any order of named axes gives the same cube: ${layout}`, async () => {
    for (const spectrum of SPECTRA) {
      for (const axes of permutations([Y, X, spectrum])) {
        check(await readCube(await write(axes)), spectrum, 0, { hasUnits });
      }
    }
  });

  Deno.test(`any order of a series of maps gives the same cubes: ${layout}`, async () => {
    const [spectrum] = SPECTRA;
    for (const axes of permutations([TIME, Y, X, spectrum])) {
      check(await readCube(await write(axes), { channel: "time:2" }), spectrum, 2, { hasUnits });
      const first = await readCube(await write(axes));
      check(first, spectrum, 0, { hasUnits });
      assert.match(first.notes.join(), /Axis time has 4 steps, taken at index 0/);
    }
  });
}
