import { consensusResult } from "./consensus_result.ts";
import { errorsResult } from "./errors_result.ts";
import { gmmResult } from "./gmm_result.ts";
import { jacobianResult } from "./jacobian_result.ts";
import { latentDbscanResult } from "./latent_dbscan_result.ts";
import { latentsResult } from "./latents_result.ts";
import { cubeLoopsResult, modelLoopsResult } from "./loops_result.ts";
import { manifoldResult } from "./manifold_result.ts";
import { nmfResult } from "./nmf_result.ts";
import { ofPredicted } from "./of_predicted.ts";
import { patchDbscanResult, patchGmmResult } from "./patch_results.ts";
import { pcaResult } from "./pca_result.ts";
import { predictionsResult } from "./predictions_result.ts";
import type { ResultTask } from "./result_input.ts";
import { shoResult } from "./sho_result.ts";
import { suggestResult } from "./suggest_result.ts";

/** Every derived result by the name in its job: of a cube, and of a model applied to a cube (`model.`). */
export const RESULT_TASKS: Readonly<Record<string, ResultTask>> = {
  pca: pcaResult,
  nmf: nmfResult,
  loops: cubeLoopsResult,
  sho: shoResult,
  patchGmm: patchGmmResult,
  dbscan: patchDbscanResult,
  "model.predictions": predictionsResult,
  "model.errors": errorsResult,
  "model.consensus": consensusResult,
  "model.latents": latentsResult,
  "model.gmm": gmmResult,
  "model.manifold": manifoldResult,
  "model.jacobian": jacobianResult,
  "model.suggest": suggestResult,
  "model.loops": modelLoopsResult,
  "model.dbscan": latentDbscanResult,
  "model.pca": ofPredicted(pcaResult),
  "model.nmf": ofPredicted(nmfResult),
};
