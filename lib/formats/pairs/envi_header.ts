import { type DescribedAxis, uniformValues } from "../axes.ts";
import type { ScalarType } from "../scalar_type.ts";
import { headerError, type RawHeader, wholeNumber } from "./raw_header.ts";

/** By ENVI's `data type`. */
const TYPES: Readonly<Record<string, [kind: ScalarType["kind"], bytes: number]>> = {
  1: ["uint", 1],
  2: ["int", 2],
  3: ["int", 4],
  4: ["float", 4],
  5: ["float", 8],
  6: ["complex", 8],
  9: ["complex", 16],
  12: ["uint", 2],
  13: ["uint", 4],
  14: ["int", 8],
  15: ["uint", 8],
};
const MOST_BANDS = 65536;

/**
 * An ENVI header: lines x samples x bands in one of three orders, with the bands' wavelengths. Throws `header_malformed`.
 * Source: https://www.nv5geospatialsoftware.com/docs/enviheaderfiles.html
 */
export function parseEnviHeader(text: string): RawHeader {
  const fields = fieldsOf(text);
  const [lines, samples, bands] = ["lines", "samples", "bands"].map((key) => wholeNumber(fields, key));
  const code = fields.get("data type") ?? "";
  const [kind, bytes] = TYPES[code] ?? [];
  if (!kind || !bytes) throw headerError(`data type is ${code}; expected one of ${Object.keys(TYPES).join(", ")}`);
  const row = { name: "y", role: "position" }, col = { name: "x", role: "position" };
  const named: Record<string, [DescribedAxis, number]> = {
    line: [row as DescribedAxis, lines],
    sample: [col as DescribedAxis, samples],
    band: [bandAxis(fields, bands), bands],
  };
  const orders: Record<string, string[]> = {
    bsq: ["band", "line", "sample"],
    bil: ["line", "band", "sample"],
    bip: ["line", "sample", "band"],
  };
  const interleave = (fields.get("interleave") ?? "bsq").toLowerCase();
  const order = orders[interleave];
  if (!order) throw headerError(`interleave is ${interleave}; expected bsq, bil or bip`);
  return {
    format: "envi",
    shape: order.map((name) => named[name][1]),
    axes: order.map((name) => named[name][0]),
    type: { kind, bytes, littleEndian: fields.get("byte order") !== "1" },
    offset: fields.has("header offset") ? wholeNumber(fields, "header offset", 0) : 0,
    quantity: "",
  };
}

function bandAxis(fields: ReadonlyMap<string, string>, bands: number): DescribedAxis {
  const list = (fields.get("wavelength") ?? "").split(",").slice(0, MOST_BANDS);
  const listed = list.map((each) => each.trim()).filter((each) => each !== "").map(Number);
  const values = listed.length > 0 ? listed : uniformValues(0, 1, bands);
  const unit = fields.get("wavelength units") ?? "";
  const name = listed.length === 0 ? "band" : /wavenumber|cm-1/i.test(unit) ? "Wavenumber" : "Wavelength";
  return { name, unit: /^(unknown|index)$/i.test(unit) ? "" : unit, values, role: "spectral" };
}

/** `key = value` on a line each; a value in braces may go on over several. Keys in lower case. */
function fieldsOf(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  let open: { key: string; value: string } | undefined;
  for (const line of text.split(/\r\n|\n|\r/).slice(1)) {
    if (!open) {
      const at = line.indexOf("=");
      if (at < 0 || line.startsWith(";")) continue;
      open = { key: line.slice(0, at).trim().toLowerCase(), value: line.slice(at + 1).trim() };
    } else open.value += ` ${line.trim()}`;
    if (open.value.startsWith("{") && !open.value.endsWith("}")) continue;
    fields.set(open.key, open.value.replace(/^\{\s*/, "").replace(/\s*\}$/, ""));
    open = undefined;
  }
  return fields;
}
