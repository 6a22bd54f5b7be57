import { modelCheckSchema, modelNameSchema } from "../../schemas/model.ts";
import { entriesIn, exists, sha256OfFile } from "../durable.ts";
import { type CheckOptions, errorAbout, type Finding, problemOf } from "./finding.ts";
import type { EmbeddedStore } from "../embedded/open_embedded_store.ts";

/** Every version's files, the shipped ones always to the last byte; aliases that point nowhere. */
export async function* checkModels(store: EmbeddedStore, options: CheckOptions): AsyncGenerator<Finding> {
  const { modelFolders: models, folder } = store;
  yield* checkShipped(models.zooPath);
  for (const { name, versions } of models.list()) {
    for (const version of versions) yield* checkVersion(store, { name, version, ...options });
  }
  for (const { name, version } of models.lost()) {
    const repair = () => models.forget(name, version);
    const message = `The files in ${folder.modelsPath}/${name}/${version} are gone`;
    if (!options.live || models.isLost(name, version)) {
      yield errorAbout(`${name}@${version}`)("model_missing", message, repair);
    }
  }
  for (const name of models.aliases.names()) yield* danglingAliases(store, name);
  if (!options.live) yield* strangers(store);
}

/** The shipped models' files as they were when they were trained, also those that no model's manifest speaks of. */
function* checkShipped(zooPath: string): Generator<Finding> {
  const sums = `${zooPath}/SHA256SUMS`;
  for (const line of exists(sums) ? Deno.readTextFileSync(sums).trim().split("\n") : []) {
    const [wanted, file] = line.split("  ");
    if (exists(`${zooPath}/${file}`) && sha256OfFile(`${zooPath}/${file}`) === wanted) continue;
    yield errorAbout(`zoo/${file}`)("shipped_changed", "It is not as it was shipped: install the program again");
  }
}

async function* checkVersion(
  store: EmbeddedStore,
  { name, version, ...options }: CheckOptions & { name: string; version: number },
): AsyncGenerator<Finding> {
  const problem = await versionProblem(store, name, version, options);
  const place = `${store.folder.modelsPath}/${name}/${version}/model.json`;
  const error = errorAbout(`${name}@${version}`);
  const isShipped = !exists(place);
  if (problem && isShipped) {
    // Otherwise a running service has deleted it between two looks.
    if (isShippedVersion(store, name, version)) {
      yield error("model_damaged", `${problem}. It is shipped: install the program again`);
    }
    return;
  }
  const repair = () => store.modelFolders.setAside(name, version);
  if (problem) yield error("model_damaged", problem, repair);
  else if (store.modelFolders.changedFiles(name, version).includes("card.md") && exists(place)) {
    const message = "card.md is not as it was written; the model is. A repair takes it as it is now";
    yield error("card_changed", message, () => store.modelFolders.accept(name, version));
  }
}

function* danglingAliases(store: EmbeddedStore, name: string): Generator<Finding> {
  for (const [alias, version] of Object.entries(store.modelFolders.aliases.of(name))) {
    // Looked for once more, and the alias too: a running service may have moved it to what was not listed before.
    if (exists(`${store.folder.modelsPath}/${name}/${version}/model.json`)) continue;
    if (isShippedVersion(store, name, version) || store.modelFolders.aliases.of(name)[alias] !== version) continue;
    const message = `Alias ${alias} points to version ${version}, which is not there`;
    const repair = () => store.modelFolders.aliases.remove(name, alias);
    yield errorAbout(name)("alias_dangling", message, repair);
  }
}

function isShippedVersion({ modelFolders }: EmbeddedStore, name: string, version: number): boolean {
  return exists(`${modelFolders.zooPath}/${name}/${version}/model.json`);
}

async function versionProblem(
  store: EmbeddedStore,
  name: string,
  version: number,
  options: CheckOptions,
): Promise<string | undefined> {
  try {
    const { path, readOnly } = store.modelFolders.folderOf(name, version);
    const odd = entriesIn(path).find((entry) => !entry.isFile);
    if (odd) return `Found something else than a file at ${path}/${odd.name}`;
    const manifest = store.modelFolders.manifest(name, version);
    const files = ["weights.safetensors", ...(manifest.last ? ["last.safetensors"] : [])];
    manifest.members?.forEach((_, i) => files.push(`weights.${i + 1}.safetensors`));
    for (const file of files) {
      if (!exists(`${path}/${file}`)) return `${file} is not there`;
      if (readOnly || options.deep) await store.modelFolders.weights(name, version, file);
    }
    const changed = store.modelFolders.changedFiles(name, version).find((file) => file !== "card.md");
    if (changed) return `${changed} is not as it was written`;
    if (!exists(`${path}/check.json`)) return undefined;
    const check = modelCheckSchema.safeParse(JSON.parse(Deno.readTextFileSync(`${path}/check.json`)));
    return check.success ? undefined : `check.json: ${check.error.issues[0].message}`;
  } catch (error) {
    return problemOf(error);
  }
}

/** Half-written versions go; what was put there by hand is kept in `damaged/`. */
function* strangers({ folder }: EmbeddedStore): Generator<Finding> {
  for (const model of entriesIn(folder.modelsPath)) {
    const path = `${folder.modelsPath}/${model.name}`;
    const versions = entriesIn(path);
    const known = model.isDirectory && modelNameSchema.safeParse(model.name).success;
    if (!known) yield note(`models/${model.name}`, "Not a model", () => folder.setAside(path));
    for (const version of known ? versions : []) {
      const isVersion = version.isDirectory && /^[1-9][0-9]*$/.test(version.name);
      if (isVersion && exists(`${path}/${version.name}/model.json`)) continue;
      const what = isVersion ? "A folder without a model.json" : "Not a version";
      yield note(`models/${model.name}/${version.name}`, what, () => folder.setAside(`${path}/${version.name}`));
    }
  }
}

function note(subject: string, message: string, repair: () => void): Finding {
  return { level: "note", code: "left_over", subject, message, repair };
}
