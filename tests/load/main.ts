import { chaos } from "./chaos.ts";
import { fullDisk } from "./full_disk.ts";
import { hostileClients } from "./hostile_clients.ts";
import type { Ledger } from "./ledger.ts";
import { predictLoad } from "./predict_load.ts";
import type { DiskKind } from "../support/small_disk.ts";
import { soak } from "./soak.ts";

/** `deno task load NAME [AMOUNT] [SEED]`: measurements of a service under strain, on this machine only. */
const LOADS: Record<
  string,
  { run: (amount: number, seed: number, options: { peer: boolean }) => Promise<void>; amount: number; unit: string }
> = {
  predict: { run: (seconds, _seed, { peer }) => predictLoad(seconds, peer), amount: 60, unit: "seconds" },
  hostile: { run: hostileClients, amount: 15, unit: "seconds each" },
  chaos: {
    run: (rounds, seed) => sayEnd(rounds, chaos({ rounds, seed, say: console.log })),
    amount: 20,
    unit: "rounds",
  },
  "full-disk": { run: (rounds, seed) => fillDisk({ rounds, seed, kind: "tmpfs" }), amount: 20, unit: "rounds" },
  "full-ext4": { run: (rounds, seed) => fillDisk({ rounds, seed, kind: "ext4" }), amount: 20, unit: "rounds" },
  soak: { run: soak, amount: 10_000, unit: "predictions" },
};

function fillDisk(options: { rounds: number; seed: number; kind: DiskKind }): Promise<void> {
  return sayEnd(options.rounds, fullDisk({ ...options, say: console.log }).then(({ ledger }) => ledger));
}

async function sayEnd(rounds: number, run: Promise<Ledger>): Promise<void> {
  console.log(`${rounds} rounds without a fault, ${(await run).summary()}`);
}

const peer = Deno.args.includes("--peer");
const [name, amount, seed = "1"] = Deno.args.filter((arg) => arg !== "--peer");
const load = LOADS[name];
if (!load) {
  const list = Object.entries(LOADS).map(([name, { amount, unit }]) => `  ${name} [${amount}]  (${unit})`);
  console.log(["Usage: deno task load NAME [AMOUNT] [SEED] [--peer]", ...list].join("\n"));
  Deno.exit(2);
}
await load.run(Number(amount ?? load.amount), Number(seed), { peer });
