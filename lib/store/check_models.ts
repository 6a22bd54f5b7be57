import { modelCheckSchema } from "../schemas/model.ts";
import type { CheckOptions, Finding } from "./finding.ts";
import { exists } from "./durable.ts";
import type { Store } from "./open_store.ts";

/** Every version's files, the shipped ones always to the last byte; aliases that point nowhere. */
export async function* checkModels(store: Store, options: CheckOptions): AsyncGenerator<Finding> {
  for (const { name, versions } of store.models.list()) {
    for (const version of versions) {
      const message = await versionProblem(store, name, version, options);
      if (message) yield { level: "error", code: "model_damaged", subject: `${name}@${version}`, message };
    }
  }
  for (const name of store.models.aliases.names()) yield* danglingAliases(store, name);
  if (!options.live) yield* halfWritten(store);
}

function* danglingAliases(store: Store, name: string): Generator<Finding> {
  const versions = store.models.find(name)?.versions ?? [];
  for (const [alias, version] of Object.entries(store.models.aliases.of(name))) {
    if (versions.includes(version)) continue;
    const message = `Alias ${alias} points to version ${version}, which is not there`;
    const repair = () => store.models.aliases.remove(name, alias);
    yield { level: "error", code: "alias_dangling", subject: name, message, repair };
  }
}

async function versionProblem(
  store: Store,
  name: string,
  version: number,
  options: CheckOptions,
): Promise<string | undefined> {
  try {
    const { path, readOnly } = store.models.folderOf(name, version);
    const manifest = store.models.manifest(name, version);
    const files = ["weights.safetensors", ...(manifest.last ? ["last.safetensors"] : [])];
    manifest.members?.forEach((_, i) => files.push(`weights.${i + 1}.safetensors`));
    for (const file of files) {
      if (readOnly || options.deep) await store.models.weights(name, version, file);
      else if (!exists(`${path}/${file}`)) return `${file} is not there`;
    }
    if (!exists(`${path}/check.json`)) return undefined;
    const check = modelCheckSchema.safeParse(JSON.parse(Deno.readTextFileSync(`${path}/check.json`)));
    return check.success ? undefined : `check.json: ${check.error.issues[0].message}`;
  } catch (error) {
    return (error as Error).message;
  }
}

function* halfWritten(store: Store): Generator<Finding> {
  for (const { name } of Deno.readDirSync(store.folder.modelsPath)) {
    for (const version of Deno.readDirSync(`${store.folder.modelsPath}/${name}`)) {
      const path = `${store.folder.modelsPath}/${name}/${version.name}`;
      if (exists(`${path}/model.json`)) continue;
      const subject = `models/${name}/${version.name}`;
      const repair = () => store.folder.discard(path);
      yield { level: "note", code: "left_over", subject, message: "A folder without a model.json", repair };
    }
  }
}
