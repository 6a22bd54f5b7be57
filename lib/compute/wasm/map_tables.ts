/**
 * Where the activations of all patches of a map lie when what they share is computed once.
 *
 * After `depth` "same" convolutions, zero padding has reached the outer `depth` rings of a patch. So an activation's row
 * is of one of 2 depth + 1 kinds: the k-th from the cut above (k < depth), inside, or the k-th from the cut below; the
 * same goes for columns. Inside, a value depends on the pixel alone; near a cut, on the pixel and where the cut is. One
 * axis of a layer's picture is therefore a list of lines: first the rows k = 0..depth-1 below each cut, then the map's
 * own rows, then the rows above each lower cut. The picture is the product of its two axes.
 */
export class MapAxis {
  /** Lines in all. */
  readonly length: number;

  /** `positions` patches of `window` lines along this axis; the map's part has positions + window - 1 lines. */
  constructor(readonly positions: number, readonly window: number, readonly depth: number) {
    this.length = 2 * depth * positions + this.mapLines;
  }

  get mapLines(): number {
    return this.positions + this.window - 1;
  }

  /** The line that holds line `offset` (0..window-1) of the patch at `position`. */
  line(position: number, offset: number): number {
    const { positions, window, depth } = this;
    if (offset < depth) return offset * positions + position;
    const toEnd = window - 1 - offset;
    if (toEnd < depth) return depth * positions + this.mapLines + toEnd * positions + position;
    return depth * positions + position + offset;
  }
}

/** Up to four output lines that one tile computes, and the lines it reads (-1: zero padding). */
export interface AxisTile {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** Tiles along one axis that compute all lines of `to` from those of `from`, one convolution earlier. */
export function axisTiles(from: MapAxis, to: MapAxis): AxisTile[] {
  const { positions, window, depth } = to;
  const tiles: AxisTile[] = [];
  const tile = (position: number, first: number, count: number) => {
    const inputs = Array.from({ length: count + 2 }, (_, tap) => {
      const offset = first + tap - 1;
      return offset < 0 || offset >= window ? -1 : from.line(position, offset);
    });
    tiles.push({ inputs, outputs: Array.from({ length: count }, (_, i) => to.line(position, first + i)) });
  };
  for (let position = 0; position < positions; position++) {
    tile(position, 0, depth);
    tile(position, window - depth, depth);
  }
  // Inside, a line belongs to several patches; it is reached from the first patch that has it inside.
  const inside = window - 2 * depth;
  for (let at = depth; at < to.mapLines - depth; at += 4) {
    const count = Math.min(4, to.mapLines - depth - at);
    const lines = Array.from({ length: count + 2 }, (_, tap) => at + tap - 1);
    tiles.push({
      inputs: lines.map((line) => insideLine(from, line)),
      outputs: lines.slice(1, -1).map((line) => insideLine(to, line)),
    });
  }
  if (inside < 0) throw new RangeError(`Window ${window} is smaller than twice the depth ${depth}`);
  return tiles;
}

/** The map's own line `at`. */
function insideLine(axis: MapAxis, at: number): number {
  return axis.depth * axis.positions + at;
}
