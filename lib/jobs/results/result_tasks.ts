import type { ResultTaskFunction } from "./result_input.ts";

/** Every derived result by name; those of a model applied to a cube begin with `model.`. */
export const RESULT_TASKS: Record<string, ResultTaskFunction> = {};
