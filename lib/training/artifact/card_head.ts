import type { ModelManifest, Score } from "../../schemas/model.ts";

type Yaml = string | number | Yaml[] | { [key: string]: Yaml };

/**
 * The head of a card that model hubs read: licence, tags, data and held-out scores as YAML between two lines of dashes.
 * Source: https://huggingface.co/docs/hub/model-cards
 */
export function cardHead(manifest: ModelManifest, licence: string): string {
  const { name, network, training, scores, unit } = manifest;
  const tags = ["loopscope", network.direction, "structure-property", "hyperspectral", "microscopy", "spectroscopy"];
  const metrics = scores ? metricsOf(scores.test, unit) : [];
  const head: Record<string, Yaml> = {
    license: licence.toLowerCase(),
    library_name: "loopscope",
    tags: network.recipe ? [...tags, network.recipe] : tags,
    ...(metrics.length > 0 ? { metrics: metrics.map(({ type }) => type) } : {}),
    ...(training ? { datasets: (training.cubes ?? [training]).map(({ cubeName }) => slug(cubeName)) } : {}),
  };
  if (training && metrics.length > 0) {
    const dataset = { name: training.cubeName, type: slug(training.cubeName), revision: training.cubeSha256 };
    const task = { type: network.direction, name: TASKS[network.direction] };
    head["model-index"] = [{ name, results: [{ task, dataset, metrics }] }];
  }
  return `---\n${yaml(head)}---\n\n`;
}

const TASKS = { im2spec: "Image patch to spectrum", spec2im: "Spectrum to image patch" };

function metricsOf(score: Score, unit = "") {
  const names = { r2: "r2", mse: unit ? `mse, (${unit})²` : "mse", nrmse: "nrmse" };
  return (["r2", "mse", "nrmse"] as const).flatMap((type) => {
    const value = score[type];
    return value === null ? [] : [{ type, name: `${names[type]} on held-out pixels`, value }];
  });
}

/** What an id of a data set may be. */
function slug(name: string): string {
  return name.replace(/\.[a-z0-9]{2,4}$/i, "").replaceAll(/[^\w.-]+/g, "-").replace(/^[-.]+|[-.]+$/g, "") || "cube";
}

/** Texts are written as JSON, which YAML takes as they are. */
function yaml(value: { [key: string]: Yaml }, indent = ""): string {
  return Object.entries(value).map(([key, item]) => {
    if (Array.isArray(item)) return `${indent}${key}:\n${item.map((entry) => listItem(entry, indent)).join("")}`;
    if (typeof item === "object") return `${indent}${key}:\n${yaml(item, `${indent}  `)}`;
    return `${indent}${key}: ${scalar(item)}\n`;
  }).join("");
}

function listItem(item: Yaml, indent: string): string {
  if (typeof item !== "object" || Array.isArray(item)) return `${indent}- ${scalar(item)}\n`;
  return `${indent}- ${yaml(item, `${indent}  `).slice(indent.length + 2)}`;
}

function scalar(item: Yaml): string {
  const isPlain = typeof item === "string" && /^[a-z][a-z0-9-]*$/i.test(item) &&
    !/^(true|false|null|yes|no|on|off|y|n)$/i.test(item);
  return isPlain ? item : JSON.stringify(item);
}
