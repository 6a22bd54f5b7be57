/** How a kernel uses a storage buffer. */
export type Access = "read" | "write";

/** A WGSL compute shader with entry point `main`; binding 0 is the control block, then storage buffers, then `place`. */
export interface Kernel {
  readonly label: string;
  readonly code: string;
  readonly bindings: readonly Access[];
  /** Numbers that differ between layers of one geometry, so that these share a pipeline. */
  readonly place: readonly number[];
}

/** A kernel on buffers, with its grid for a batch of n. */
export interface Dispatch {
  readonly kernel: Kernel;
  /** A control table's buffer. */
  readonly control: GPUBuffer;
  readonly buffers: readonly GPUBuffer[];
  readonly workgroups: (n: number) => readonly [x: number, y: number, z: number];
}

/**
 * n, index of the loss, the step's factors (optimiser.ts) and the first sample's place in the order: what changes from one
 * mini-batch to the next. The blocks of many steps stand in one buffer (control_table.ts).
 */
export const CONTROL_BYTES = 32;

const CONTROL = `
struct Control { n: u32, lossAt: u32, rate: f32, scale: f32, decay: f32, noiseKey: u32, first: u32, unused: u32 }
@group(0) @binding(0) var<uniform> control: Control;
`;

export interface KernelParts {
  /** Buffers as arrays of f32, by name. */
  readonly buffers: Readonly<Record<string, Access>>;
  /** Baked in, so that divisions by them are cheap; whole numbers become u32. */
  readonly constants: Readonly<Record<string, number>>;
  /** Whole numbers read as `place.NAME`. */
  readonly place?: Readonly<Record<string, number>>;
}

/** Assembles a kernel from its declarations and body. */
export function makeKernel(label: string, { buffers, constants, place = {} }: KernelParts, body: string): Kernel {
  const names = Object.keys(place);
  const declared = Object.entries(constants).map(([name, value]) =>
    Number.isInteger(value) && value >= 0 ? `const ${name} = ${value}u;` : `const ${name}: f32 = ${value};`
  );
  const bound = Object.entries(buffers).map(([name, access], i) =>
    `@group(0) @binding(${i + 1}) var<storage, ${access === "read" ? "read" : "read_write"}> ${name}: array<f32>;`
  );
  if (names.length > 0) {
    bound.push(`struct Place { ${names.map((name) => `${name}: u32`).join(", ")} }`);
    bound.push(`@group(0) @binding(${Object.keys(buffers).length + 1}) var<uniform> place: Place;`);
  }
  return {
    label,
    code: [CONTROL, ...declared, ...bound, body].join("\n"),
    bindings: Object.values(buffers),
    place: Object.values(place),
  };
}

/** Layout entries for a kernel's bindings. */
export function bindingTypes({ bindings, place }: Kernel): GPUBufferBindingLayout[] {
  const storage = bindings.map((access) => ({
    type: access === "read" ? "read-only-storage" as const : "storage" as const,
  }));
  return [
    { type: "uniform", hasDynamicOffset: true },
    ...storage,
    ...place.length > 0 ? [{ type: "uniform" as const }] : [],
  ];
}

/** A grid of at least `count` workgroups along x and z (z * groups.x + x is the index), `y` times. */
export function grid(count: number, y = 1): readonly [number, number, number] {
  const x = Math.min(Math.max(count, 1), 32768);
  return [x, y, Math.ceil(Math.max(count, 1) / x)];
}

/** WGSL start of an elementwise kernel: `i` counts elements, past `count` there is nothing to do. */
export function elementwise(threads: number, count: string, body: string): string {
  return `
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.z * groups.x + group.x) * ${threads}u + lane;
  if (i >= ${count}) { return; }
${body}
}
`;
}
