import { isNdArray, type NdArray, ndArray, type ResultTree } from "../../base/nd_array.ts";
import type { NetworkState } from "../../compute/engine.ts";
import type { ModelCheck } from "../../schemas/model.ts";
import { type TrainedModel, writeArtifact } from "../../training/artifact/artifact.ts";

/** A trained model in the form that is sent between processes; `writeTrainedModel` writes it. */
export function trainedModelTree({ manifest, state, last, members, check }: TrainedModel): ResultTree {
  return {
    manifest: manifest as unknown as ResultTree,
    state: stateTree(state),
    last: last && stateTree(last),
    members: members.map(stateTree),
    check: check as unknown as ResultTree,
  };
}

/** Writes the files of an artifact into a folder under the name and version it was given. */
export async function writeTrainedModel(
  folder: string,
  tree: ResultTree,
  identity: { name: string; version: number; createdAt: string },
): Promise<void> {
  const { manifest, state, last, members, check } = tree as { [key: string]: ResultTree };
  const trained: TrainedModel = {
    manifest: manifest as unknown as TrainedModel["manifest"],
    state: networkState(state),
    last: last ? networkState(last) : undefined,
    members: (members as ResultTree[]).map(networkState),
    check: check as unknown as ModelCheck | undefined,
  };
  const files = await writeArtifact(trained, identity);
  for (const [name, bytes] of files) await Deno.writeFile(`${folder}/${name}`, bytes);
}

function stateTree(state: NetworkState): { [name: string]: NdArray } {
  return Object.fromEntries([...state].map(([name, { shape, data }]) => [name, ndArray(data, shape)]));
}

function networkState(tree: ResultTree): NetworkState {
  const state: NetworkState = new Map();
  for (const [name, array] of Object.entries(tree as { [name: string]: ResultTree })) {
    if (!isNdArray(array) || !(array.data instanceof Float32Array)) throw new TypeError(`${name} is not float32`);
    state.set(name, { shape: array.shape, data: array.data });
  }
  return state;
}
