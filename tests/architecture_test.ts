import { assertEquals } from "./support/assert.ts";

/** Rooms by rank: a file imports only from its own folder or from a lower rank (ARCHITECTURE.md). */
const RANKS: [prefix: string, rank: number][] = [
  ["main.ts", 7],
  ["zoo/", 7],
  ["routes/", 6],
  ["lib/service/", 5],
  ["lib/jobs/", 4],
  ["lib/training/", 3.5],
  ["lib/compute/", 3],
  ["lib/formats/", 3],
  ["lib/store/", 3],
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
  [/^(npm:)?(preact|uplot)/, ["routes/page/"]],
];

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
    for (const specifier of importsOf(path).filter((s) => s.startsWith("."))) {
      const target = new URL(specifier, new URL(path, ROOT)).href.slice(ROOT.href.length);
      const [targetRoom, targetRank] = rankOf(target);
      if (targetRoom !== room && targetRank >= rank) faults.push(`${path} imports ${target}`);
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
    const targets = importsOf(path).filter((s) => s.startsWith("."))
      .map((s) => new URL(s, new URL(path, ROOT)).href.slice(ROOT.href.length));
    graph.set(path, targets);
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
