import { assertEquals } from "./support/assert.ts";

/** Rooms by rank: a file imports only from its own folder or from a lower rank (ARCHITECTURE.md). */
const RANKS: [prefix: string, rank: number][] = [
  ["main.ts", 7],
  ["zoo/", 7],
  ["pack/", 7],
  ["routes/", 6],
  ["lib/service/", 5],
  ["lib/jobs/", 4],
  ["lib/training/", 3.5],
  ["lib/compute/", 3],
  ["lib/formats/", 3],
  ["lib/store/", 3],
  ["lib/experiments/", 2.5],
  ["lib/analysis/", 2],
  ["lib/cube/", 2],
  ["models/", 2],
  ["lib/schemas/", 1],
  ["lib/base/", 0],
];

/** Foreign packages and the only rooms that may import them. */
const HOMES: [specifier: RegExp, rooms: string[]][] = [
  [/^(npm:)?(hono|@hono\/)/, ["routes/"]],
  [/^(npm:)?prom-client/, ["routes/"]],
  [/^(npm:)?@opentelemetry\//, ["routes/"]],
  [/^(npm:)?zod$/, ["lib/schemas/"]],
  [/^(npm:)?(h5wasm|fflate)/, ["lib/formats/"]],
  [/^(npm:)?ml-matrix/, ["lib/analysis/"]],
  [/^(npm:)?assemblyscript/, ["lib/compute/wasm/"]],
  [/^(npm:)?@tensorflow/, ["lib/compute/tensorflow/"]],
  [/^node:sqlite/, ["lib/store/"]],
  [/^(npm:)?aws4fetch/, ["lib/store/s3/"]],
  [/^(npm:)?(preact|uplot)/, ["routes/page/"]],
];

const ENGINES = ["reference", "wasm", "webgpu", "tensorflow"];

/**
 * Folders inside a room, and the files beside them that wire them, with the folders of that room that they may import.
 * Other files beside the folders import none of them.
 */
const PARTS: Readonly<Record<string, Readonly<Record<string, string[]>>>> = {
  "routes/": {
    "app.ts": ["response", "middleware", "openapi", "endpoints"],
    "context.ts": ["server", "response", "middleware"],
    server: [],
    response: [],
    request: ["response"],
    middleware: ["server", "request"],
    openapi: ["request", "middleware"],
    endpoints: ["request", "response", "middleware", "openapi"],
    page: ["response"],
    cli: [],
  },
  "lib/formats/": {
    "registry.ts": ["zip", "numpy", "matlab", "nanonis", "gatan", "igor", "pairs", "text", "tiff", "zarr", "hdf5"],
    zip: [],
    numpy: ["zip"],
    matlab: ["zip", "numpy"],
    nanonis: [],
    gatan: [],
    igor: [],
    pairs: ["zip"],
    zarr: ["zip"],
    text: [],
    tiff: [],
    hdf5: ["numpy"],
  },
  "lib/formats/hdf5/": {
    "hdf5_source.ts": ["dialects"],
    dialects: [],
    writer: [],
  },
  "lib/training/": {
    "train.ts": ["artifact", "baselines", "robust", "evaluation", "inference"],
    "member_record.ts": ["artifact"],
    "joint_data.ts": ["evaluation"],
    "validation_trainings.ts": ["evaluation"],
    "training_manifest.ts": ["artifact", "evaluation", "robust"],
    "training_scores.ts": ["baselines", "evaluation"],
    "finish_training.ts": ["artifact", "baselines", "robust", "evaluation"],
    artifact: [],
    baselines: [],
    robust: ["artifact", "baselines", "evaluation"],
    evaluation: ["baselines"],
    inference: ["artifact", "evaluation"],
    onnx: ["artifact"],
  },
  "lib/jobs/": {
    "compute_worker.ts": ["processes"],
    "analysis_worker.ts": ["processes", "results", "experiments"],
    "ingest_worker.ts": ["processes", "ingest"],
    queue: [],
    processes: [],
    ingest: [],
    experiments: [],
    training: ["queue", "processes"],
    results: ["processes"],
  },
  "lib/store/": {
    ports: [],
    cube_files: [],
    model_files: [],
    embedded: ["ports", "cube_files", "model_files"],
    s3: ["ports", "cube_files", "model_files"],
    maintenance: ["cube_files", "embedded"],
  },
  "lib/compute/": {
    "choose_engine.ts": ENGINES,
    ...Object.fromEntries(ENGINES.map((engine) => [engine, []])),
  },
};

/** The only files outside `lib/store/` that know what stands behind its ports. */
const WIRING = ["lib/service/runtime.ts", "lib/service/operator_commands.ts"];

const ROOT = new URL("../", import.meta.url);
const IMPORT =
  /^\s*(?:import|export)[^'"`]*?from\s+["']([^"']+)["']|^\s*import\s+["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;

function* sourceFiles(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(new URL(folder || ".", ROOT))) {
    const path = folder + entry.name;
    const skipped = entry.name.startsWith(".") ||
      ["node_modules", "dist", "kernels", "data", "out", "build"].includes(entry.name);
    if (entry.isDirectory && !skipped && path !== "tests") yield* sourceFiles(path + "/");
    else if (entry.isFile && /\.tsx?$/.test(entry.name)) yield path;
  }
}

function rankOf(path: string): [room: string, rank: number] {
  const found = RANKS.find(([prefix]) => path.startsWith(prefix));
  if (!found) throw new Error(`${path} is in no room`);
  return found;
}

function importsOf(path: string): string[] {
  const text = Deno.readTextFileSync(new URL(path, ROOT));
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3]);
}

Deno.test("every file imports only from its own room or a lower rank", () => {
  const faults: string[] = [];
  for (const path of sourceFiles("")) {
    const [room, rank] = rankOf(path);
    for (const target of targetsOf(path)) {
      const [targetRoom, targetRank] = rankOf(target);
      if (targetRoom !== room && targetRank >= rank) faults.push(`${path} imports ${target}`);
    }
  }
  assertEquals(faults, []);
});

function targetsOf(path: string): string[] {
  const relative = importsOf(path).filter((specifier) => specifier.startsWith("."));
  return relative.map((specifier) => new URL(specifier, new URL(path, ROOT)).href.slice(ROOT.href.length));
}

Deno.test("a folder of a room imports only the folders that it may", () => {
  const faults: string[] = [];
  for (const [room, parts] of Object.entries(PARTS)) {
    const partOf = (path: string) => path.slice(room.length).split("/")[0];
    for (const path of sourceFiles(room)) {
      const own = partOf(path);
      for (const target of targetsOf(path)) {
        const other = target.startsWith(room) ? partOf(target) : own;
        if (other !== own && !other.endsWith(".ts") && !parts[own]?.includes(other)) {
          faults.push(`${path} imports ${target}`);
        }
      }
    }
  }
  assertEquals(faults, []);
});

Deno.test("every folder of a room with parts is one of them, and none has gone", () => {
  for (const [room, parts] of Object.entries(PARTS)) {
    const found = [...sourceFiles(room)].map((path) => path.slice(room.length).split("/"));
    const folders = new Set(found.filter((path) => path.length > 1).map(([folder]) => folder));
    const files = new Set(found.filter((path) => path.length === 1).map(([file]) => file));
    const [namedFiles, namedFolders] = [true, false].map((isFile) =>
      Object.keys(parts).filter((part) => part.endsWith(".ts") === isFile)
    );
    assertEquals([...folders].sort(), namedFolders.sort(), room);
    assertEquals(namedFiles.filter((file) => !files.has(file)), [], room);
  }
});

Deno.test("only the wiring knows which store stands behind the ports", () => {
  const faults: string[] = [];
  for (const path of [...sourceFiles("")].filter((path) => !path.startsWith("lib/store/") && !WIRING.includes(path))) {
    for (const target of targetsOf(path)) {
      if (/^lib\/store\/(embedded|maintenance)\//.test(target)) faults.push(`${path} imports ${target}`);
    }
  }
  assertEquals(faults, []);
});

Deno.test("each foreign package is imported only in its home", () => {
  const faults: string[] = [];
  for (const path of sourceFiles("")) {
    for (const specifier of importsOf(path)) {
      const home = HOMES.find(([pattern]) => pattern.test(specifier));
      if (home && !home[1].some((room) => path.startsWith(room))) faults.push(`${path} imports ${specifier}`);
    }
  }
  assertEquals(faults, []);
});

Deno.test("no import cycles", () => {
  const graph = new Map<string, string[]>();
  for (const path of sourceFiles("")) {
    graph.set(path, targetsOf(path));
  }
  const done = new Set<string>();
  const visit = (path: string, trail: string[]) => {
    if (done.has(path)) return;
    const at = trail.indexOf(path);
    if (at >= 0) throw new Error(`Import cycle: ${[...trail.slice(at), path].join(" -> ")}`);
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
});
