import { createHash } from "node:crypto";
import { errorToJson } from "../../lib/base/errors.ts";
import { openSource } from "../../lib/formats/registry.ts";

/** What reading a mutated file came to. `values` names a file with rows x cols x points float64. */
export interface ReadOutcome {
  outcome: "cube" | "refused" | "internal";
  format?: string;
  dataset?: string;
  shape?: number[];
  axes?: number[][];
  valuesSha256?: string;
  notes?: string[];
  code?: string;
  message?: string;
  rssBytes: number;
}

/** Reads one file after another: a path in, a line of JSON out. Runs apart, so that a crash or a hang is seen. */
async function main(valuesPath: string): Promise<void> {
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  let rest = "";
  for await (const piece of lines) {
    const paths = (rest + piece).split("\n");
    rest = paths.pop() ?? "";
    for (const path of paths) console.log(JSON.stringify(await readOne(path, valuesPath)));
  }
}

async function readOne(path: string, valuesPath: string): Promise<ReadOutcome> {
  const memory = () => ({ rssBytes: Deno.memoryUsage().rss });
  try {
    const source = await openSource(path);
    try {
      const view = source.open();
      const hash = createHash("sha256");
      const out = Deno.openSync(valuesPath, { write: true, create: true, truncate: true });
      for (let row = 0; row < view.shape[0]; row += view.slabRows) {
        const block = Float64Array.from(view.readRows(row, Math.min(view.slabRows, view.shape[0] - row)));
        const bytes = new Uint8Array(block.buffer);
        hash.update(bytes);
        for (let done = 0; done < bytes.length;) done += out.writeSync(bytes.subarray(done));
      }
      out.close();
      view.maps();
      const { format, dataset, shape, notes } = view;
      const axes = [view.axes.row, view.axes.col, view.axes.spectral].map((axis) => axis.values);
      const valuesSha256 = hash.digest("hex");
      const read = { format, dataset, shape: [...shape], axes, notes: [...notes], valuesSha256 };
      return { outcome: "cube", ...read, ...memory() };
    } finally {
      source.close();
    }
  } catch (error) {
    const { kind, code, message } = errorToJson(error);
    const stack = kind === "internal" ? (error as Error).stack : undefined;
    return { outcome: kind === "internal" ? "internal" : "refused", code, message: stack ?? message, ...memory() };
  }
}

if (import.meta.main) await main(Deno.args[0]);
