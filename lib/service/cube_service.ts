import { type Clock, toTimestamp } from "../base/clock.ts";
import type { ByteSource } from "../base/byte_source.ts";
import { LoopscopeError, missing, unprocessable } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { ndArray, type ResultTree } from "../base/nd_array.ts";
import { createScheduler, type Yield } from "../base/scheduler.ts";
import type { ImageChannel } from "../cube/cube.ts";
import type { CubeParts } from "../store/ports/cube_store.ts";
import type { IngestProcesses } from "../jobs/ingest/ingest_process.ts";
import { type CubeRecord, type IngestOptions, ingestOptionsSchema } from "../schemas/cube.ts";
import type { StoredBlob } from "../store/ports/blob_store.ts";
import { openCubeFile } from "../store/cube_files/cube_file.ts";
import { fileSource } from "../store/file_source.ts";
import type { Store } from "../store/ports/store.ts";
import { nearestStep } from "../cube/nearest_step.ts";
import { bandBytes } from "./cube_bytes.ts";
import { exportCube } from "./export_cube.ts";
import type { Quotas } from "./quotas.ts";
import type { Caller, CubeService, Page, PageRequest } from "./services.ts";

export interface CubeServiceOptions {
  store: Store;
  ingest: IngestProcesses;
  clock: Clock;
  maxUploadBytes: number;
  maxStoredBytes: number;
  quotas: Quotas;
}

type AddOptions = Parameters<CubeService["add"]>[1];

/** Cubes on disk. An upload becomes a cube or nothing: bytes, then files, then the record. */
export function createCubeService(options: CubeServiceOptions): CubeService {
  const { store, ingest, clock, quotas } = options;
  /** One line for all means over many spectra: others wait for one piece, however many are asked for. */
  const yieldTurn = createScheduler();

  async function require(id: string): Promise<CubeRecord> {
    const cube = await store.cubes.get(id);
    if (!cube) throw missing("cube_missing", `There is no cube ${id}`);
    return cube;
  }

  async function receive<T>(
    body: ReadableStream<Uint8Array>,
    { caller, expectedSha256 }: { caller: Caller; expectedSha256?: string },
    use: (blob: StoredBlob) => Promise<T>,
  ) {
    await checkStored(options);
    const { signal } = caller;
    return await quotas.uploading(caller, async () => {
      const blob = await store.blobs.put(body, { maxBytes: options.maxUploadBytes, signal, expectedSha256 });
      try {
        return await use(blob);
      } finally {
        await store.blobs.release(blob.sha256);
      }
    });
  }

  async function parse(blob: StoredBlob, ingestOptions: IngestOptions, name: string, caller: Caller) {
    const folder = await store.scratch.makeFolder("cube");
    try {
      await ingest.run({ file: blob.path, folder, options: ingestOptions, signal: caller.signal });
      const reader = openCubeFile(folder, { cacheBytes: 0 });
      const { layout: _, digests: __, ...meta } = reader.meta;
      reader.close();
      const createdAt = toTimestamp(clock.nowMs());
      const { sha256, sizeBytes } = blob;
      const record = { id: newId<string>("cube", clock.nowMs()), name, ...meta, sha256, sizeBytes, createdAt };
      const [rows, cols, points] = record.shape;
      const admit = quotas.admitCube(caller, sizeBytes + 4 * rows * cols * points);
      const key = optionsKey(ingestOptions);
      return await store.cubes.add(folder, record, { optionsKey: key, admit, ...ownership(caller) });
    } finally {
      await store.scratch.discard(folder);
    }
  }

  /** The cube of these bytes and options: the one that is there, under the name that its owner now gives, or a new one. */
  async function make(
    blob: StoredBlob,
    ingestOptions: IngestOptions,
    { name, otherwise = "cube", caller }: { name?: string; otherwise?: string; caller: Caller },
  ) {
    const there = await store.cubes.findByContent(blob.sha256, optionsKey(ingestOptions));
    if (there) {
      const isOwn = await store.cubes.ownerOf(there.id) === quotas.ownerOf(caller);
      await store.cubes.renew(there.id, ownership(caller));
      const renamed = isOwn && name !== undefined && name !== there.name;
      return { cube: renamed ? await store.cubes.rename(there.id, name) : there, created: false };
    }
    quotas.admitCube(caller, blob.sizeBytes)(await store.cubes.usage(quotas.ownerOf(caller)));
    await store.scratch.requireFree(blob.sizeBytes);
    return await parse(blob, ingestOptions, name ?? otherwise, caller);
  }

  function ownership(caller: Caller) {
    return { owner: quotas.ownerOf(caller), expiresMs: quotas.expiresMs(caller, clock.nowMs()) };
  }

  return {
    add(body, { name, expectedSha256, ...rest }: AddOptions, caller) {
      const ingestOptions = ingestOptionsSchema.parse(rest);
      return receive(body, { caller, expectedSha256 }, (blob) => make(blob, ingestOptions, { name, caller }));
    },

    async addFrom(id, { name, ...rest }, caller) {
      const record = await require(id);
      const ingestOptions = ingestOptionsSchema.parse(rest);
      const blob = await store.blobs.get(record.sha256);
      if (!blob) throw missing("file_not_kept", `The file of cube ${id} is not kept; expected it with the request`);
      try {
        await checkStored(options);
        return await make(blob, ingestOptions, { name, otherwise: record.name, caller });
      } finally {
        await store.blobs.release(blob.sha256);
      }
    },

    list: (page: PageRequest): Promise<Page<CubeRecord>> => store.cubes.list(page),

    get: require,

    async owns(id, caller) {
      await require(id);
      return await store.cubes.ownerOf(id) === quotas.ownerOf(caller);
    },

    rename: (id, name) => store.cubes.rename(id, name),

    async file(id) {
      const { sha256 } = await require(id);
      const blob = await store.blobs.get(sha256);
      if (!blob) throw missing("file_not_kept", `The file of cube ${id} is not kept; expected /v1/cubes/${id}/values`);
      await store.blobs.release(sha256);
      return heldFile(store, blob);
    },

    async values(id, format) {
      const record = await require(id);
      const cube = await store.cubes.open(id);
      return { source: await exportCube(record, cube, { format, yieldTurn }), heldBytes: bandBytes(cube) };
    },

    async remove(id, removal) {
      await require(id);
      if (await store.cubes.remove(id, { ...removal, ifUnused: true })) await store.results.removeScope(id);
    },

    async map(id, query) {
      const cube = await store.cubes.open(id);
      if (query.map !== undefined) return await imageChannel(cube, query.map);
      const index = query.index ?? nearestStep(cube.axes.spectral.values, query.at ?? 0, query.branch ?? "first");
      const [rows, cols, points] = cube.shape;
      if (index >= points) {
        throw unprocessable("outside_cube", `The index is ${index}; expected a step from 0 to ${points - 1}`);
      }
      const { name, unit, values } = cube.axes.spectral;
      const map = ndArray(await cube.readMap(index), [rows, cols]);
      return { index, at: values[index], axis: { name, unit }, quantity: cube.quantity, unit: cube.unit, values: map };
    },

    async spectrum(id, { row, col, radius }, signal) {
      const cube = await store.cubes.open(id);
      const { values_S, count } = await meanSpectrum(cube, { row, col, radius }, { yieldTurn, signal });
      const axis = { ...cube.axes.spectral };
      return {
        row,
        col,
        axis,
        quantity: cube.quantity,
        unit: cube.unit,
        values: ndArray(values_S, [values_S.length]),
        count,
      };
    },

    async addMap(id, body, { name, dataset }, caller) {
      const { shape } = await require(id);
      return await receive(body, { caller }, async (blob) => {
        const folder = await store.scratch.makeFolder("map");
        try {
          const map = { name, dataset, rows: shape[0], cols: shape[1] };
          await ingest.run({ file: blob.path, folder, options: { repair: "robust" }, map, signal: caller.signal });
          const channel = readMapFile(folder);
          if (await isThere(await store.cubes.open(id), channel)) return await require(id);
          return await store.cubes.addImage(id, channel);
        } finally {
          await store.scratch.discard(folder);
        }
      });
    },
  };
}

/** Holds the file while it is read: a cube that is removed meanwhile is still sent whole. */
function heldFile({ blobs }: Store, { sha256, sizeBytes }: StoredBlob): ByteSource {
  return {
    sizeBytes,
    async *read(start, end) {
      const blob = await blobs.get(sha256);
      if (!blob) throw missing("file_not_kept", "The cube was removed");
      try {
        yield* fileSource(blob.path, sizeBytes).read(start, end);
      } finally {
        await blobs.release(sha256);
      }
    },
  };
}

/** The same options always give the same text. */
function optionsKey({ dataset, channel, repair, prepare, ...given }: IngestOptions): string {
  return JSON.stringify({ dataset, channel, repair, prepare: prepare?.length ? prepare : undefined, ...given });
}

async function checkStored({ store, maxStoredBytes }: CubeServiceOptions): Promise<void> {
  const { bytes } = await store.cubes.usage();
  if (bytes < maxStoredBytes) return;
  const detail = `The stored cubes have ${bytes} bytes; expected at most ${maxStoredBytes}: delete some first`;
  throw new LoopscopeError("conflict", "quota_exceeded", detail);
}

async function imageChannel(cube: CubeParts, name: string): Promise<ResultTree> {
  const image = await cube.readImage(name);
  if (!image) {
    const known = cube.imageNames.length > 0 ? `it has ${cube.imageNames.join(", ")}` : "it has none";
    throw missing("map_missing", `The cube has no map ${name}, ${known}`);
  }
  const { quantity, unit, values_HW } = image;
  return { map: image.name, quantity, unit, values: ndArray(values_HW, cube.shape.slice(0, 2)) };
}

/** Yields after every row: a circle may be the whole of a large cube. */
async function meanSpectrum(
  cube: CubeParts,
  { row, col, radius }: { row: number; col: number; radius: number },
  { yieldTurn, signal }: { yieldTurn: Yield; signal?: AbortSignal },
) {
  const [rows, cols, points] = cube.shape;
  if (row >= rows || col >= cols) {
    const detail = `The pixel is row ${row}, column ${col}, the cube has rows 0 to ${rows - 1} and columns 0 to ${
      cols - 1
    }`;
    throw unprocessable("outside_cube", detail);
  }
  const reach = Math.floor(radius);
  const sum_S = new Float64Array(points);
  let count = 0;
  for (let r = Math.max(0, row - reach); r <= Math.min(rows - 1, row + reach); r++) {
    if (count > 0) await yieldTurn();
    signal?.throwIfAborted();
    const half = Math.floor(Math.sqrt(Math.max(0, radius ** 2 - (r - row) ** 2)));
    const first = Math.max(0, col - half);
    const width = Math.min(cols - 1, col + half) - first + 1;
    const spectra_CS = await cube.readSpectra(r, first, width);
    spectra_CS.forEach((value, i) => sum_S[i % points] += value);
    count += width;
  }
  return { values_S: Float32Array.from(sum_S, (value) => value / count), count };
}

/** Whether the cube has this very channel already: sent again, it is not a conflict. */
async function isThere(
  cube: CubeParts,
  { name, quantity, unit, values_HW }: ImageChannel,
): Promise<boolean> {
  const there = await cube.readImage(name);
  return there !== undefined && there.quantity === quantity && there.unit === unit &&
    there.values_HW.every((value, i) => Object.is(value, values_HW[i]));
}

function readMapFile(folder: string) {
  // The parser writes the channel like a cube with that one map.
  const reader = openCubeFile(folder, { cacheBytes: 0 });
  try {
    const channel = reader.readImage(reader.imageNames[0]);
    if (!channel) throw unprocessable("no_map", "The file has no map that fits this cube");
    return channel;
  } finally {
    reader.close();
  }
}
