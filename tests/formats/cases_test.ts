import { IngestProcesses } from "../../lib/jobs/ingest/ingest_process.ts";
import { openSource } from "../../lib/formats/registry.ts";
import { openCubeFile } from "../../lib/store/cube_files/cube_file.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { SHARED, testWithShared } from "../support/shared.ts";
import { withFile } from "./support/with_file.ts";

interface Case {
  why: string;
  shape: number[];
  value: { row: number; col: number; step: number; is: number };
  spectral?: { name: string; unit?: string; first: number; last: number };
  query?: string;
}

const TOLERANCE = 1e-3;

const cases: Record<string, Case> = SHARED
  ? JSON.parse(Deno.readTextFileSync(new URL("cases/expected.json", SHARED)))
  : {};

for (const [file, wanted] of Object.entries(cases)) {
  testWithShared(`${file}: ${wanted.why}`, async (shared) => {
    const source = await openSource(new URL(`cases/${file}`, shared).pathname);
    try {
      const view = source.open({ channel: wanted.query?.replace(/^channel=/, "") });
      assertEquals([...view.shape], wanted.shape);
      const [rows, cols, points] = view.shape;
      const { row, col, step, is } = wanted.value;
      const met = view.readRows(0, rows)[(row * cols + col) * points + step];
      assert.ok(Math.abs(met - is) < TOLERANCE, `the value is ${met}; expected ${is}`);
      if (!wanted.spectral) return;
      const { name, unit, values } = view.axes.spectral;
      const { first, last } = wanted.spectral;
      assertEquals([name, wanted.spectral.unit === undefined || unit === wanted.spectral.unit], [
        wanted.spectral.name,
        true,
      ]);
      for (const [value, end] of [[values[0], first], [values[points - 1], last]]) {
        assert.ok(Math.abs(value - end) <= 1e-6 * Math.max(Math.abs(first), Math.abs(last)), `${value}, not ${end}`);
      }
    } finally {
      source.close();
    }
  });
}

const compressed = Object.keys(cases).filter((file) => file.startsWith("filter_"));

for (const file of compressed) {
  testWithShared(`${file}: a damaged chunk is an error of the file, whichever part is damaged`, async (shared) => {
    const bytes = await Deno.readFile(new URL(`cases/${file}`, shared));
    const pieces = 40;
    const size = Math.floor(bytes.length / pieces);
    let refused = 0;
    // The chunks lie in the second half of these files. LZF, LZ4 and Zstandard keep no checksum unless asked to, so
    // a damaged chunk that still unpacks to its full length cannot be told from a sound one.
    for (let piece = pieces / 2; piece < pieces; piece++) {
      const damaged = bytes.slice();
      damaged.fill(0xff, piece * size, (piece + 1) * size);
      const error = await valuesOf(damaged).then(() => undefined, (error) => error);
      if (error) assert.match(String(error.code), /^hdf5_/);
      refused += error ? 1 : 0;
    }
    assert.ok(refused >= 5, `${refused} of ${pieces / 2} were refused; expected at least 5`);
  });
}

async function valuesOf(bytes: Uint8Array<ArrayBuffer>): Promise<number[]> {
  return await withFile(bytes, async (path) => {
    const source = await openSource(path);
    try {
      const view = source.open();
      return [...view.readRows(0, view.shape[0])];
    } finally {
      source.close();
    }
  });
}

testWithShared(
  "the process that parses uploads reads compressed files, with the few permissions it has",
  async (shared) => {
    const processes = new IngestProcesses({ timeoutMs: 60_000, memoryBytes: 2 * 2 ** 30, concurrency: 1 });
    for (const file of ["filter_zstd.h5", "filter_lzf.h5"]) {
      const folder = await Deno.makeTempDir({ prefix: "loopscope-cases-" });
      const path = await Deno.realPath(new URL(`cases/${file}`, shared));
      const signal = new AbortController().signal;
      await processes.run({ file: path, folder, options: { repair: "robust" }, signal });
      const cube = openCubeFile(folder);
      assertEquals([...cube.shape], cases[file].shape);
      cube.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
);
