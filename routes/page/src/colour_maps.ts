/** Anchors of each colour map, evenly spaced, interpolated to 256 steps; all read right with any colour vision. */
const ANCHORS: Record<string, string> = {
  viridis: "440154 482475 414487 355f8d 2a788e 21918c 22a884 44bf70 7ad151 bddf26 fde725",
  cividis: "00224e 083370 35456c 4f576c 666970 7d7c78 948e77 aea371 c8b866 e5cf52 fee838",
  magma: "000004 140e36 3b0f70 641a80 8c2981 b73779 de4968 f7705c fe9f6d fecf92 fcfdbf",
  grey: "101010 f5f5f5",
  balance: "0b3c6f 2166ac 4393c3 92c5de d1e5f0 f5f4f2 fddbc7 f4a582 d6604d b2182b 67001f",
};

/** Okabe and Ito's eight, then lighter steps: classes and pins. */
export const CLASS_COLOURS: readonly string[] = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#56b4e9",
  "#d55e00",
  "#b8a800",
  "#7a7a7a",
  "#6f4fbf",
  "#8c6d46",
  "#4d9078",
  "#c2567a",
  "#4f7cac",
  "#9c8f3c",
  "#a35638",
  "#5b5b8f",
];

export const COLOUR_MAPS: readonly string[] = Object.keys(ANCHORS);

/** 256 opaque colours as little-endian RGBA words, ready for ImageData. */
export function colourTable(name: string): Uint32Array<ArrayBuffer> {
  const anchors = (ANCHORS[name] ?? ANCHORS.viridis).split(" ").map(channels);
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const at = i / 255 * (anchors.length - 1);
    const k = Math.min(Math.floor(at), anchors.length - 2);
    const [r, g, b] = anchors[k].map((value, c) => Math.round(value + (anchors[k + 1][c] - value) * (at - k)));
    return word(r, g, b);
  });
}

/** One colour a class; classes beyond the palette begin again. */
export function classTable(): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const [r, g, b] = channels(CLASS_COLOURS[i % CLASS_COLOURS.length].slice(1));
    return word(r, g, b);
  });
}

/** `rgb(…)` of a table's entry. */
export function cssColour(rgba: number): string {
  return `rgb(${rgba & 255} ${(rgba >> 8) & 255} ${(rgba >> 16) & 255})`;
}

const word = (r: number, g: number, b: number): number => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
const channels = (hex: string): number[] => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
