import type { Grid } from "./arrays.ts";
import { writeNpy } from "./npz.ts";

const INHERITED = [
  "fill",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "stroke-linejoin",
  "opacity",
  "fill-opacity",
  "font-size",
  "font-family",
  "font-weight",
];

/** Hands a blob to the browser's downloads. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[^\p{L}\p{N}._-]+/gu, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A drawing as a file of its own: the page's styles become attributes. */
export function svgBlob(svg: SVGSVGElement): Blob {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const originals = [svg, ...svg.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((element, i) => {
    const style = getComputedStyle(originals[i]);
    for (const name of INHERITED) element.setAttribute(name, style.getPropertyValue(name));
    element.removeAttribute("class");
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const side of ["width", "height"]) paper.setAttribute(side, svg.getAttribute(side) ?? "100%");
  paper.setAttribute("fill", getComputedStyle(document.body).getPropertyValue("--surface") || "white");
  copy.prepend(paper);
  return new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
}

/** The same drawing as a picture, at twice its size. */
export async function pngOfSvg(svg: SVGSVGElement): Promise<Blob> {
  const url = URL.createObjectURL(svgBlob(svg));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [svg.clientWidth * 2, svg.clientHeight * 2];
    canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await pngOfCanvases([canvas]);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Several canvases of one size over each other, as a picture. */
export function pngOfCanvases(layers: HTMLCanvasElement[]): Promise<Blob> {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [layers[0].width, layers[0].height];
  const context = canvas.getContext("2d")!;
  for (const layer of layers) context.drawImage(layer, 0, 0);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => blob ? resolve(blob) : reject(new Error("The picture could not be made")), "image/png");
  });
}

/** A table as RFC 4180 text; what a spreadsheet would run as a formula is quoted as text. */
export function csvBlob(rows: readonly (readonly (string | number)[])[]): Blob {
  const cell = (value: string | number) => {
    if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
    const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return new Blob([rows.map((row) => row.map(cell).join(",")).join("\r\n"), "\r\n"], { type: "text/csv" });
}

/** A 2-D array as CSV without a header, one row a line. */
export function csvOfGrid({ shape, data }: Grid): Blob {
  const [rows, cols] = shape;
  return csvBlob(Array.from({ length: rows }, (_, r) => Array.from(data.subarray(r * cols, (r + 1) * cols))));
}

export function npyBlob(grid: Grid): Blob {
  return writeNpy(grid);
}
