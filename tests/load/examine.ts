import { checkDataFolder } from "../../lib/store/maintenance/check_data_folder.ts";
import { type EmbeddedStore, openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
import type { Ledger } from "./ledger.ts";

const ZOO = new URL("../../zoo", import.meta.url).pathname;

/**
 * As the doctor and the next start would find it, or with `shared` beside a service that has nothing to do. Throws at
 * the first fault.
 */
export async function examine(dataFolder: string, ledger: Ledger, options: { shared?: boolean } = {}): Promise<void> {
  const store = await openEmbeddedStore({ root: dataFolder, zooPath: ZOO, ...options });
  try {
    const findings: string[] = [];
    for await (const { code, subject, message } of checkDataFolder(store, { deep: true })) {
      // A parser that outlived its service by a moment may still write there; every start empties it.
      if (!subject.startsWith("tmp/")) findings.push(`${code} ${subject}: ${message}`);
    }
    if (findings.length > 0) throw new Error(`The doctor finds:\n${findings.join("\n")}`);
    await compare(store, ledger);
  } finally {
    await store.close();
  }
}

async function compare(store: EmbeddedStore, ledger: Ledger): Promise<void> {
  const fail = (what: string): never => {
    throw new Error(what);
  };
  for (const [id, record] of ledger.cubes) {
    if (JSON.stringify(await store.cubes.get(id)) !== record) {
      fail(`Cube ${id} was acknowledged and is not there as it was`);
    }
  }
  for (const id of ledger.gone) if (await store.cubes.get(id)) fail(`Cube ${id} was deleted and is there`);
  await ledger.settle((id) => store.cubes.get(id));
  for (const [id, state] of ledger.jobs) {
    const met = await store.jobs.get(id, { bare: true }) ?? fail(`Job ${id} was acknowledged and is not there`);
    if (["succeeded", "cancelled"].includes(state) && met.state !== state) {
      fail(`Job ${id} had ${state} and is ${met.state}`);
    }
  }
  for (const [job, version] of ledger.models) {
    if ((await store.models.madeBy(job))?.version !== version) fail(`Version ${version} of ${job} is not there`);
  }
  const alias = store.modelFolders.aliases.of("chaos").best;
  const wanted = [ledger.alias, ...ledger.aliasAttempts];
  if (!wanted.includes(alias)) fail(`The alias points to ${alias}; expected one of ${wanted}`);
  ledger.alias = alias;
  ledger.aliasAttempts.clear();
}
