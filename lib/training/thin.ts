/** At most `most` of the items, evenly spaced and in their order; the items themselves when they are few enough. */
export function thin(items: Int32Array, most: number): Int32Array {
  if (items.length <= most) return items;
  return Int32Array.from({ length: most }, (_, i) => items[Math.floor(i * items.length / most)]);
}
