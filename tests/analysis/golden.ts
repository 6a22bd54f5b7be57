import h5wasm from "h5wasm/node";

/** `golden/analysis.json`: what NumPy, SciPy, scikit-learn, shapely and scikit-image compute. */
export interface Golden {
  pca: { explained_variance_ratio: number[]; components: number[][]; scores: number[][]; mean: number[] };
  gmm: {
    bfo: { components: number; score: number };
    synthetic: { components: number; score: number; means: number[][]; weights: number[] };
    points: number[][];
    bic: number[];
  };
  loops: {
    voltage: number[];
    loops: { pixel: number; loop: number[]; area: number; centroid: [number, number]; sse: number; params: number[] }[];
  };
  ssim: { a: number[][]; b: number[][]; data_range: number; ssim: number };
}

export function readGolden(shared: URL): Golden {
  return JSON.parse(Deno.readTextFileSync(new URL("golden/analysis.json", shared)));
}

/** One dataset of an HDF5 file as float64. */
export async function readDataset(shared: URL, file: string, path: string): Promise<Float64Array> {
  await h5wasm.ready;
  const opened = new h5wasm.File(decodeURIComponent(new URL(`data/${file}`, shared).pathname), "r");
  try {
    return Float64Array.from((opened.get(path) as unknown as { value: ArrayLike<number> }).value);
  } finally {
    opened.close();
  }
}

export const BFO_IV = ["bfo_iv_nsid.hf5", "Measurement_000/Channel_000/IV_BFO/IV_BFO"] as const;
export const PTO_BEPS = ["pto_beps_nsid.h5", "Channel_000/generic/generic"] as const;
