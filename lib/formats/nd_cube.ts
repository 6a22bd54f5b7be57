import type { FloatArray } from "./scalar_type.ts";

/** An n-dimensional array of real numbers outside memory, indexed in C order. */
export interface NdSource {
  readonly shape: readonly number[];
  /** Extent that is stored (and compressed) as one, where there is such. */
  readonly chunk?: readonly number[];
  /** A hyperslab, row-major. The caller keeps it inside the shape. */
  read(offset: readonly number[], count: readonly number[]): FloatArray;
}

/** Which axis of an array is which of a cube; every other axis stays at one index. */
export interface CubeRoles {
  row: number;
  col: number;
  spectral: number;
  /** Index per axis of the array; used where the axis has no role. */
  fixed: readonly number[];
}

const SLAB_VALUES = 2 ** 22;

/** A source that owns no bytes of its own: rows `row0` on, rows x cols x points. */
export function readCubeRows(source: NdSource, roles: CubeRoles, row0: number, rows: number): FloatArray {
  const { shape } = source;
  const offset = shape.map((_, axis) => roles.fixed[axis] ?? 0);
  const count = shape.map(() => 1);
  offset[roles.row] = row0;
  count[roles.row] = rows;
  for (const axis of [roles.col, roles.spectral]) {
    offset[axis] = 0;
    count[axis] = shape[axis];
  }
  const block = source.read(offset, count);
  const inOrder = roles.row < roles.col && roles.col < roles.spectral;
  return inOrder ? block : toRowsColsPoints(block, count, roles);
}

/** How many rows make a slab of some 30 MB, in whole chunks where that is not much more. */
export function slabRowsOf(source: NdSource, roles: CubeRoles): number {
  const rows = source.shape[roles.row];
  const rowValues = source.shape[roles.col] * source.shape[roles.spectral];
  // With rows innermost in the file every slab visits every page of it: take few, large slabs.
  const innermost = roles.row === source.shape.length - 1;
  const fitting = Math.max(1, Math.floor((innermost ? 3 : 1) * SLAB_VALUES / rowValues));
  const chunk = source.chunk?.[roles.row] ?? 1;
  const whole = fitting >= chunk ? fitting - fitting % chunk : chunk * rowValues <= 4 * SLAB_VALUES ? chunk : fitting;
  return Math.min(rows, whole);
}

function toRowsColsPoints(block: FloatArray, count: readonly number[], roles: CubeRoles): FloatArray {
  const strides = new Array<number>(count.length).fill(1);
  for (let axis = count.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * count[axis + 1];
  const out = block.slice();
  const [rowStride, colStride, pointStride] = [roles.row, roles.col, roles.spectral].map((axis) => strides[axis]);
  let to = 0;
  for (let row = 0; row < count[roles.row]; row++) {
    for (let col = 0; col < count[roles.col]; col++) {
      let from = row * rowStride + col * colStride;
      for (let point = 0; point < count[roles.spectral]; point++, from += pointStride) out[to++] = block[from];
    }
  }
  return out;
}
