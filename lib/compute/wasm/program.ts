import type { Arena } from "./shared_heap.ts";
import { OP } from "./kernel_ops.ts";
import type { Command } from "./kernel_ops.ts";

/** A program in memory, as thread_pool's `run` wants it. */
export interface Program {
  readonly address: number;
  /** Names of the commands, stage by stage, for profiles. */
  readonly stages: readonly (readonly Command[])[];
}

/** Writes stages of commands into shared memory (layout: kernels/program.ts). Stages without jobs are left out. */
export function writeProgram(arena: Arena, stages: readonly (readonly Command[])[]): Program {
  const filled = stages.map((stage) => stage.filter((command) => command.jobs > 0)).filter((stage) => stage.length > 0);
  const headWords = 1 + filled.reduce((sum, stage) => sum + 2 + 2 * stage.length, 0);
  const commandWords = filled.flat().reduce((sum, command) => sum + 1 + command.args.length, 0);
  const address = arena.bytes(4 * (headWords + commandWords));
  const words = arena.heap.words(address, headWords + commandWords);
  let head = 0, at = headWords;
  words[head++] = filled.length;
  for (const stage of filled) {
    words[head++] = stage.reduce((sum, command) => sum + command.jobs, 0);
    words[head++] = stage.length;
    for (const { op, jobs, args } of stage) {
      words[head++] = address + 4 * at;
      words[head++] = jobs;
      words[at] = OP[op];
      words.set(args, at + 1);
      at += 1 + args.length;
    }
  }
  return { address, stages: filled };
}
