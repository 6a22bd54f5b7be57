import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import util from "node:util";
import type { Tfjs } from "./run_step.ts";

const PACKAGE = "@tensorflow/tfjs-node-gpu";
const VERSION = "4.22.0";
const ROOT = new URL("../../../", import.meta.url);
const INSTALL = `deno install --node-modules-dir=auto --allow-scripts=npm:${PACKAGE} npm:${PACKAGE}@${VERSION}`;

/** Why the native library cannot be there and how to install it; undefined where it is. Loads nothing. */
export function missingTensorflow(root = ROOT): string | undefined {
  const folder = new URL(`node_modules/${PACKAGE}/`, root);
  if (!exists(folder)) return `the package ${PACKAGE} is not installed: run "${INSTALL}"`;
  const bindings = exists(new URL("lib/", folder))
    ? [...Deno.readDirSync(new URL("lib/", folder))].map(({ name }) => new URL(`lib/${name}/tfjs_binding.node`, folder))
    : [];
  if (bindings.some(exists)) return undefined;
  return `${PACKAGE} is installed without its native library, since its install script did not run: run "${INSTALL}"`;
}

/** Loads the native library (wants permission for FFI). Throws whatever the loader throws. */
export function loadTensorflow(root = ROOT): Tfjs {
  supplyUtil();
  const require = createRequire(import.meta.url); // by path: no import map knows it and nothing fetches it unasked
  return require(fileURLToPath(new URL(`node_modules/${PACKAGE}`, root)));
}

/** Functions that the package calls and that Node removed from `util`. */
function supplyUtil(): void {
  const supplied: Record<string, unknown> = {
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isArray: Array.isArray,
    isString: (value: unknown) => typeof value === "string",
    isNumber: (value: unknown) => typeof value === "number",
    isBoolean: (value: unknown) => typeof value === "boolean",
    isFunction: (value: unknown) => typeof value === "function",
    isObject: (value: unknown) => typeof value === "object" && value !== null,
  };
  const target = util as unknown as Record<string, unknown>;
  for (const [name, value] of Object.entries(supplied)) target[name] ??= value;
}

function exists(path: URL): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
