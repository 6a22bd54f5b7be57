/** Words for an array that is no cube: `an image of 256 x 256`, `a curve of 2048 points`. */
export function formatShape(shape: readonly number[]): string {
  const lengths = shape.filter((length) => length !== 1);
  if (lengths.includes(0)) return `an empty array of shape [${shape}]`;
  if (lengths.length === 0) return "a single number";
  if (lengths.length === 1) return `a curve of ${lengths[0]} points`;
  if (lengths.length === 2) return `an image of ${lengths[0]} x ${lengths[1]}`;
  return `an array of ${lengths.join(" x ")}`;
}
