/**
 * One axis of the activations that all patches of an image share, exactly, under "same" convolutions with kernel 3.
 *
 * After `layer` convolutions zero padding has reached the outer `layer` cells of a patch. A cell further inside is a
 * function of the image alone. A cell within `layer` of the patch's first (last) row depends on the row where the patch is cut
 * too, but along the other axis it is shared in the same way. So the activations of all patches are one image over
 * two extended axes: with P patch positions and window w an axis has
 *
 * - P + w - 1 free cells, one for each image row;
 * - then `layer` times P cells counted from the cut before: cell r of the patch at i, at r * P + i;
 * - then `layer` times P cells counted from the cut behind: cell w - 1 - r of the patch at i, likewise.
 *
 * Wants w >= 2 * layer. About (1 + 2 * layer)^2 cells a patch instead of w^2.
 */
export function extendedLength(layer: number, positions: number, window: number): number {
  return positions + window - 1 + 2 * layer * positions;
}

/** For each cell after `layer` convolutions the cells before it at -1, 0 and +1; -1 where zero padding is. */
export function extendedNeighbours(layer: number, positions: number, window: number): Int32Array {
  const free = positions + window - 1;
  const before = (cut: number, r: number) => cellFromCut(layer - 1, positions, window, { cut, r, side: "first" });
  const behind = (cut: number, r: number) => cellFromCut(layer - 1, positions, window, { cut, r, side: "last" });
  const neighbours: number[] = [];
  for (let y = 0; y < free; y++) neighbours.push(y - 1, y, y + 1 < free ? y + 1 : -1);
  for (let r = 0; r < layer; r++) {
    for (let cut = 0; cut < positions; cut++) neighbours.push(before(cut, r - 1), before(cut, r), before(cut, r + 1));
  }
  for (let r = 0; r < layer; r++) {
    for (let cut = 0; cut < positions; cut++) neighbours.push(behind(cut, r + 1), behind(cut, r), behind(cut, r - 1));
  }
  return Int32Array.from(neighbours);
}

/** Where the cells 0 .. window - 1 of each patch lie after `layer` convolutions: positions x window. */
export function patchCells(layer: number, positions: number, window: number): Int32Array {
  const cells = new Int32Array(positions * window);
  for (let cut = 0; cut < positions; cut++) {
    for (let r = 0; r < window; r++) {
      const near = r < window / 2
        ? { cut, r, side: "first" as const }
        : { cut, r: window - 1 - r, side: "last" as const };
      cells[cut * window + r] = cellFromCut(layer, positions, window, near);
    }
  }
  return cells;
}

/** The cell `r` steps inside the first or last row of the patch at `cut`; -1 outside the patch. */
function cellFromCut(
  layer: number,
  positions: number,
  window: number,
  { cut, r, side }: { cut: number; r: number; side: "first" | "last" },
): number {
  if (r < 0) return -1;
  if (r >= layer) return side === "first" ? cut + r : cut + window - 1 - r;
  return positions + window - 1 + (side === "first" ? r : layer + r) * positions + cut;
}
