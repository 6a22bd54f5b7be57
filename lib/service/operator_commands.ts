import { missing } from "../base/errors.ts";
import { type Scope, scopeSchema } from "../schemas/access.ts";
import { backupStore } from "../store/maintenance/backup.ts";
import { checkDataFolder } from "../store/maintenance/check_data_folder.ts";
import { isDataFolderInUse } from "../store/embedded/data_folder.ts";
import { exists } from "../store/durable.ts";
import { type EmbeddedStore, openEmbeddedStore } from "../store/embedded/open_embedded_store.ts";
import { restoreStore } from "../store/maintenance/restore.ts";

export interface CommandContext {
  /** `LOOPSCOPE_DATA` */
  root: string;
  zooPath: string;
  print(line: string): void;
}

/** Runs one command of the service's owner beside, or instead of, a running service; returns the exit code. */
export type OperatorCommand = (args: readonly string[], context: CommandContext) => Promise<number>;

export const OPERATOR_COMMANDS: Readonly<Record<string, OperatorCommand>> = {
  keys: keysCommand,
  doctor: doctorCommand,
  backup: backupCommand,
  restore: restoreCommand,
};

/** Words after each verb. */
const WORDS: Readonly<Record<string, number>> = { add: 2, list: 0, revoke: 1 };
/** One line of a list stays one line. */
const KEY_NAME = /^[^\p{C}\p{Zl}\p{Zp}]{1,100}$/u;
const KEYS_USAGE =
  "Usage: keys add NAME SCOPE[,SCOPE…] | keys list | keys revoke ID   (scopes: read, predict, train, admin)";

async function keysCommand([verb, ...rest]: readonly string[], context: CommandContext): Promise<number> {
  const { print } = context;
  if (rest.length !== WORDS[verb ?? ""]) {
    print(KEYS_USAGE);
    return 2;
  }
  if (verb !== "add") requireDataFolder(context.root);
  return await withStore(context, { shared: true }, async ({ keys }) => {
    if (verb === "list") {
      for (const { id, name, scopes, createdAt, revokedAt } of await keys.list()) {
        print(`${id}  ${scopes.join(",")}  ${createdAt}  ${name}${revokedAt ? `  revoked ${revokedAt}` : ""}`);
      }
      return 0;
    }
    const [subject, list] = rest;
    if (verb === "revoke") {
      const revoked = await keys.revoke(subject);
      print(revoked ? `Key ${subject} is revoked` : `There is no valid key ${subject}`);
      return revoked ? 0 : 1;
    }
    const scopes = [...new Set(list.split(","))].map((scope) => scopeSchema.safeParse(scope));
    if (!KEY_NAME.test(subject) || scopes.some((scope) => !scope.success)) {
      print(`Received the name ${JSON.stringify(subject)} and the scopes ${JSON.stringify(list)}`);
      print(KEYS_USAGE);
      return 2;
    }
    const { key, secret } = await keys.add(subject, scopes.map((scope) => scope.data as Scope));
    print(`Key ${key.id} for ${subject} may ${key.scopes.join(", ")}. This is its secret, shown this once:`);
    print(secret);
    return 0;
  });
}

/** Exit code 0: nothing wrong; 1: errors were found and not all repaired. */
async function doctorCommand(args: readonly string[], context: CommandContext): Promise<number> {
  const { print } = context;
  if (args.some((arg) => arg !== "--repair" && arg !== "--deep")) {
    print("Usage: doctor [--deep] [--repair]   (--deep reads every byte; --repair wants the service stopped)");
    return 2;
  }
  requireDataFolder(context.root);
  const [repair, deep] = [args.includes("--repair"), args.includes("--deep")];
  const live = isDataFolderInUse(context.root);
  if (live && repair) {
    print("A service is using this data folder: stop it before a repair");
    return 2;
  }
  const how = repair ? { keepLeftOvers: true } : { shared: true };
  return await withStore(context, how, async (store) => {
    let [errors, notes] = [0, 0];
    for await (const finding of checkDataFolder(store, { deep, live })) {
      const repaired = repair && finding.repair !== undefined;
      if (repaired) await finding.repair?.();
      else if (finding.level === "error") errors++;
      else notes++;
      print(`${finding.level} ${finding.code} ${finding.subject}: ${finding.message}${repaired ? " (repaired)" : ""}`);
    }
    if (exists(store.folder.damagedPath)) print(`What repairs took out lies in ${store.folder.damagedPath}`);
    if (errors === 0) print(await summaryOf(store));
    print(`${errors === 0 ? "No" : errors} errors, ${notes} notes`);
    return errors === 0 ? 0 : 1;
  });
}

async function summaryOf({ cubes, models, folder }: EmbeddedStore): Promise<string> {
  const { cubes: count, bytes } = await cubes.usage();
  return `${count} cubes, ${bytes} bytes, ${(await models.list()).length} models, ${folder.freeBytes()} bytes free`;
}

/** A mistyped `LOOPSCOPE_DATA` is no empty data folder. */
function requireDataFolder(root: string): void {
  if (["loopscope.db", "loopscope.lock"].some((name) => exists(`${root}/${name}`))) return;
  throw missing("data_folder_missing", `There is no data folder at ${root} (LOOPSCOPE_DATA)`);
}

async function backupCommand([file, ...more]: readonly string[], context: CommandContext): Promise<number> {
  if (!file || file.startsWith("-") || more.length > 0) {
    context.print("Usage: backup FILE   (while the service runs, or not)");
    return 2;
  }
  requireDataFolder(context.root);
  return await withStore(context, { shared: true }, async (store) => {
    const { cubes, models, sizeBytes } = await backupStore(store, file);
    context.print(`${file}: ${cubes} cubes, ${models} model versions, ${sizeBytes} bytes`);
    return 0;
  });
}

async function restoreCommand([file, ...more]: readonly string[], { root, print }: CommandContext): Promise<number> {
  if (!file || file.startsWith("-") || more.length > 0) {
    print("Usage: restore FILE   (into an empty LOOPSCOPE_DATA)");
    return 2;
  }
  await restoreStore(file, root);
  print(`${file} is restored into ${root}`);
  return 0;
}

async function withStore(
  { root, zooPath }: CommandContext,
  options: { shared?: boolean; keepLeftOvers?: boolean },
  run: (store: EmbeddedStore) => number | Promise<number>,
): Promise<number> {
  const store = await openEmbeddedStore({ root, zooPath, ...options });
  try {
    return await run(store);
  } finally {
    await store.close();
  }
}
