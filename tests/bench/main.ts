/**
 * `deno task bench [--engine wasm] [--threads N] [--window 8] [--quick] [--json] [FAMILY...]`: ours and the peer's work in
 * turn, several rounds, as a table with the goals beside the figures, or as one JSON line a case. Families: compute,
 * analysis (these two where none is named) and train-job.
 */
import { parseArgs } from "node:util";
import { analysisFamily } from "./analysis_bench.ts";
import { computeFamily } from "./compute_family.ts";
import type { BenchOptions, Family, Round } from "./family.ts";
import { trainJobFamily } from "./job_family.ts";
import { measurePeak } from "./peak.ts";
import { median, spread } from "./statistics.ts";

/** Add a family here. */
const FAMILIES = { "compute": computeFamily, "analysis": analysisFamily, "train-job": trainJobFamily };
const USUAL = ["compute", "analysis"];

interface Row {
  case: string;
  engine: string;
  oursMs: number;
  peerMs: number | null;
  /** The peer's median over ours. */
  ratio: number | null;
  /** Half the range of the rounds' ratios (without a peer: of our times), relative to the median. */
  spread: number;
  /** Operations of the direct computation a second over the machine's peak; above 1 where an algorithm does fewer. */
  peakShare: number | null;
}

async function measure(family: Family, options: BenchOptions, rounds: number, peak: number): Promise<Row[]> {
  const ours: Round[] = [], peers: Round[] = [];
  for (let i = 0; i < rounds; i++) {
    ours.push(await family.ours(options));
    const peer = await family.peer?.(options);
    if (peer) peers.push(peer);
  }
  return Object.keys(ours[0]).map((name) => {
    const oursMs = median(ours.map((round) => round[name]));
    const hasPeer = peers.length === rounds && peers.every((round) => round[name] !== undefined);
    const peerMs = hasPeer ? median(peers.map((round) => round[name])) : null;
    const varying = hasPeer ? ours.map((round, i) => peers[i][name] / round[name]) : ours.map((round) => round[name]);
    const operations = family.operations?.(name);
    return {
      case: name,
      engine: options.engine,
      oursMs: rounded(oursMs),
      peerMs: peerMs === null ? null : rounded(peerMs),
      ratio: peerMs === null ? null : rounded(peerMs / oursMs),
      spread: rounded(spread(varying)),
      peakShare: operations === undefined ? null : rounded(operations / (oursMs / 1000) / peak),
    };
  });
}

function printTable(rows: readonly Row[], goals: Family["goals"]): void {
  console.log(`${"case".padEnd(20)}${["ours ms", "peer ms", "ratio", "goal", "spread", "of peak"].map(cell).join("")}`);
  for (const row of rows) {
    const goal = goals[row.case];
    const verdict = row.ratio === null || goal === undefined ? "" : row.ratio >= goal ? "  met" : "  SHORT";
    const cells = [row.oursMs, row.peerMs, row.ratio, goal, row.spread, row.peakShare].map(cell);
    console.log(`${row.case.padEnd(20)}${cells.join("")}${verdict}`);
  }
}

function cell(value: number | string | null | undefined): string {
  return String(value ?? "-").padStart(10);
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      engine: { type: "string", default: "wasm" },
      threads: { type: "string" },
      window: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const windows = values.window ? [Number(values.window)] : [8, 16];
  const threads = Number(values.threads ?? navigator.hardwareConcurrency);
  const options = { engine: values.engine, threads, windows, seconds: values.quick ? 0.5 : 2 };
  const names = positionals.length > 0 ? positionals : USUAL;
  const families = names.map((name): Family => {
    if (name in FAMILIES) return FAMILIES[name as keyof typeof FAMILIES];
    throw new Error(`Family is ${name}; expected ${Object.keys(FAMILIES).join(", ")}`);
  });
  const peak = await measurePeak(threads);
  if (!values.json) console.log(`${threads} threads, peak ${(peak / 1e9).toFixed(1)} GFLOP/s`);
  for (const family of families) {
    if (!values.json) await family.explain?.(options);
    const rows = await measure(family, options, values.quick ? 1 : family.rounds ?? 3, peak);
    if (values.json) rows.forEach((row) => console.log(JSON.stringify(row)));
    else {
      console.log(`\n${family.title}`);
      if (rows.every((row) => row.peerMs === null)) console.log("no peer here (Python with torch): our times alone");
      printTable(rows, family.goals);
    }
  }
}
