import { placeOnTrained, trainedLabels, type TrainingSource } from "../../training/evaluation/seen_regions.ts";
import { modelOf, type ResultInput } from "./result_input.ts";

/** How much of the model's training the cube holds: all its pixels, some of them (either is cropped), or none. */
export function trainingPart(input: ResultInput): "whole" | "cropped" | "none" {
  const place = placeOnTrained(modelOf(input).manifest, sourceOf(input));
  return place ? place.whole ? "whole" : "cropped" : "none";
}

/**
 * What each pixel of the cube was for in training (PIXEL_LABEL): of another cube, or for a model of unknown training,
 * every pixel with a whole patch is for testing.
 */
export function partLabels(input: ResultInput): Uint8Array {
  const { manifest } = modelOf(input);
  return trainedLabels(manifest, sourceOf(input), manifest.network.window);
}

function sourceOf({ cube, cubeSha256, preparation }: ResultInput): TrainingSource {
  return { cubeSha256, shape: cube.shape, preparation };
}
