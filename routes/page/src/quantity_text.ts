const PREFIXES: [number, string][] = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
  [1, ""],
  [1e-3, "m"],
  [1e-6, "µ"],
  [
    1e-9,
    "n",
  ],
  [1e-12, "p"],
  [1e-15, "f"],
];

/** Units that take a prefix; `a.u.`, `log(A)` and the like do not. */
const PREFIXABLE = /^(m|V|A|s|Hz|F|C|N|J|W|Ω|ohm|eV|S|Pa)$/;

/** A factor and the unit it belongs to, so that `largest` reads as 1 to 999: `[1e9, "nm"]` for 5e-7 m. */
export function unitFor(largest: number, unit: string): [factor: number, unit: string] {
  if (!(largest > 0) || !Number.isFinite(largest)) return [1, unit];
  if (!PREFIXABLE.test(unit)) return powerOfTen(largest, unit);
  const [scale, prefix] = PREFIXES.find(([size]) => largest >= size * 0.9995) ?? PREFIXES[PREFIXES.length - 1];
  return [1 / scale, prefix + unit];
}

/** Units without prefixes carry a power of ten where the numbers would be unreadable: `10⁻⁶ a.u.`. */
function powerOfTen(largest: number, unit: string): [factor: number, unit: string] {
  if (largest >= 0.02 && largest < 1e4) return [1, unit];
  const exponent = Math.floor(Math.log10(largest) / 3) * 3;
  return [10 ** -exponent, `10${superscript(exponent)}${unit ? ` ${unit}` : ""}`];
}

/** A number as people write it: four significant digits, no needless zeros, a true minus sign. */
export function numberText(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) {
    const [mantissa, exponent] = value.toExponential(Math.max(0, digits - 2)).split("e");
    return `${minus(mantissa)}×10${superscript(Number(exponent))}`;
  }
  return minus(String(Number(value.toPrecision(digits))));
}

/** Value and unit, prefixed where the unit allows. */
export function quantityText(value: number, unit: string, digits = 4): string {
  if (!Number.isFinite(value)) return numberText(value);
  const [factor, shown] = PREFIXABLE.test(unit) ? unitFor(Math.abs(value), unit) : [1, unit];
  return `${numberText(value * factor, digits)}${shown ? ` ${shown}` : ""}`;
}

export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), 4);
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${["", "k", "M", "G", "T"][power]}B`;
}

/** Day and minute as the reader's own country writes them. */
export function dateText(timestamp: string): string {
  return new Date(timestamp).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

export function durationText(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round(seconds % 3600 / 60)} min`;
}

/** A round length near `length`: 1, 2 or 5 times a power of ten, not above it. */
export function roundLength(length: number): number {
  const power = 10 ** Math.floor(Math.log10(length));
  return ([5, 2, 1].find((step) => step * power <= length) ?? 1) * power;
}

/** Round ticks over a range, about `count` of them. */
export function ticks([low, high]: readonly [number, number], count: number): number[] {
  const span = high - low;
  if (!(span > 0)) return [low];
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((k) => k * power >= rough) ?? 10) * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

const minus = (text: string): string => text.replace("-", "−");
const superscript = (value: number): string =>
  String(value).replace("-", "⁻").replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]);
