import { File, ready } from "h5wasm";
import { ndArray } from "../../lib/base/nd_array.ts";
import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { IngestProcesses } from "../../lib/jobs/ingest/ingest_process.ts";
import { openCubeFile } from "../../lib/store/cube_files/cube_file.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

const LIMITS = { timeoutMs: 60000, memoryBytes: 2 ** 31, concurrency: 2 };
const CUBE = ndArray(Float64Array.from({ length: 60 }, (_, i) => Math.sin(i)), [3, 4, 5]);

async function inFolder(use: (file: string, folder: string, base: string) => Promise<void>): Promise<void> {
  const base = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${base}/cube`);
    await use(`${base}/upload`, `${base}/cube`, base);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
}

function parse(file: string, folder: string, limits = LIMITS): Promise<void> {
  const signal = new AbortController().signal;
  return new IngestProcesses(limits).run({ file, folder, options: { repair: "robust" }, signal });
}

Deno.test("a process that may read one file and write one folder makes a cube of it", async () => {
  await inFolder(async (file, folder) => {
    await Deno.writeFile(file, encodeNpy(CUBE));
    await parse(file, folder);
    const cube = openCubeFile(folder);
    assertEquals([...cube.readSpectrum(2, 3)], [...Float32Array.from(CUBE.data.subarray(55))]);
    cube.close();
  });
});

Deno.test("the reader's own answer comes out of the process as it is", async () => {
  await inFolder(async (file, folder) => {
    await Deno.writeTextFile(file, "bias;current\n1;2\n");
    const error = await assertFailsWith("unknown_format", () => parse(file, folder));
    assert.match(error.message, /The file is text/);
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("an external link leads nowhere from inside the process", async () => {
  await inFolder(async (file, folder, base) => {
    const module = await ready;
    const write = async (path: string, build: (file: File) => void) => {
      const inMemory = new File("/crafted.h5", "w");
      build(inMemory);
      inMemory.close();
      await Deno.writeFile(path, module.FS.readFile("/crafted.h5") as Uint8Array);
      module.FS.unlink("/crafted.h5");
    };
    await write(`${base}/secret.h5`, (secret) => {
      secret.create_dataset({ name: "cube", data: CUBE.data as Float64Array, shape: [3, 4, 5] });
    });
    await write(file, (crafted) => crafted.create_external_link(`${base}/secret.h5`, "/cube", "cube"));
    const error = await assertFailsWith("no_cube", () => parse(file, folder));
    assert.match(error.message, /never followed/);
  });
});

Deno.test("a file on which reading takes too long is given up at the limit", async () => {
  await inFolder(async (file, folder) => {
    await Deno.writeFile(file, encodeNpy(CUBE));
    await assertFailsWith("parse_timeout", () => parse(file, folder, { ...LIMITS, timeoutMs: 1 }));
  });
});

Deno.test("a reader that stands still is given up before the whole limit", async () => {
  await inFolder(async (file, folder) => {
    await Deno.writeFile(file, encodeNpy(CUBE));
    const error = await assertFailsWith(
      "parse_timeout",
      () => parse(file, folder, { ...LIMITS, stallMs: 1 } as typeof LIMITS),
    );
    assert.match(error.message, /stood still for 0.001 s/);
  });
});

Deno.test("an upload whose client goes while others are read leaves the line", async () => {
  await inFolder(async (file, folder, base) => {
    await Deno.writeFile(file, encodeNpy(CUBE));
    await Deno.mkdir(`${base}/last`);
    const processes = new IngestProcesses({ ...LIMITS, concurrency: 1 });
    const gone = new AbortController();
    const run = (folder: string, { signal } = new AbortController()) =>
      processes.run({ file, folder, options: { repair: "robust" }, signal });
    let isRead = false;
    const first = run(folder).then(() => void (isRead = true));
    const second = run(`${base}/none`, gone);
    const third = run(`${base}/last`);
    gone.abort();
    await assertFailsWith("cancelled", () => second);
    assert.ok(!isRead, "it did not wait for its turn");
    await first;
    await third;
    openCubeFile(`${base}/last`).close();
  });
});
