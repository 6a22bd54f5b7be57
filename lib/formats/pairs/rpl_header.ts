import { type DescribedAxis, uniformValues } from "../axes.ts";
import type { ScalarType } from "../scalar_type.ts";
import { headerError, type RawHeader, wholeNumber } from "./raw_header.ts";

const KINDS: Readonly<Record<string, ScalarType["kind"]>> = { signed: "int", unsigned: "uint", float: "float" };

/**
 * The header of a Ripple (RPL) file: height x width x depth, by spectrum (`vector`) or by image, with the calibration that
 * Lispix, HyperSpy and others add. Throws `header_malformed`.
 * Source: https://hyperspy.org/rosettasciio/supported_formats/ripple.html
 */
export function parseRplHeader(text: string): RawHeader {
  const fields = new Map(
    text.split(/\r\n|\n|\r/).map((line): [string, string] => {
      const [, key = "", value = ""] = /^\s*(\S+)\s+(.*?)\s*$/.exec(line) ?? [];
      return [key.toLowerCase(), value];
    }),
  );
  const kind = KINDS[(fields.get("data-type") ?? "").toLowerCase()];
  const bytes = wholeNumber(fields, "data-length");
  if (!kind || ![1, 2, 4, 8].includes(bytes) || (kind === "float" && bytes < 4)) {
    throw headerError(`values are ${fields.get("data-type")} of ${bytes} bytes; expected signed, unsigned or float`);
  }
  const [height, width, depth] = ["height", "width", "depth"].map((key) => wholeNumber(fields, key));
  const row = axisOf(fields, "height", height, "y"), col = axisOf(fields, "width", width, "x");
  const spectral = axisOf(fields, "depth", depth, "channel");
  const byImage = /^image$/i.test(fields.get("record-by") ?? "");
  return {
    format: "rpl",
    shape: byImage ? [depth, height, width] : [height, width, depth],
    axes: byImage ? [spectral, row, col] : [row, col, spectral],
    type: { kind, bytes, littleEndian: !/^big/i.test(fields.get("byte-order") ?? "") },
    offset: fields.has("offset") ? wholeNumber(fields, "offset", 0) : 0,
    quantity: fields.get("signal") ?? "",
  };
}

function axisOf(fields: ReadonlyMap<string, string>, side: string, length: number, fallback: string): DescribedAxis {
  const number = (key: string) => {
    const text = fields.get(key);
    return text === undefined || text === "" || !Number.isFinite(Number(text)) ? undefined : Number(text);
  };
  const perChannel = side === "depth" ? number("ev-per-chan") : undefined;
  const scale = number(`${side}-scale`) ?? perChannel;
  const said = fields.get(`${side}-units`);
  const name = fields.get(`${side}-name`);
  return {
    name: name && !/undefined/.test(name) ? name : fallback,
    unit: said && !/undefined/.test(said) ? said : perChannel !== undefined ? "eV" : "",
    values: scale ? uniformValues(number(`${side}-origin`) ?? 0, scale, length) : undefined,
    role: side === "depth" ? "spectral" : "position",
  };
}
