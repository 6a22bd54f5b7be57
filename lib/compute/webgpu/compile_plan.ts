import type { Plan } from "../plan.ts";
import type { BufferId } from "../step.ts";
import type { GpuDevice, PreparedDispatch } from "./gpu_device.ts";
import type { Dispatch } from "./gpu_kernel.ts";
import { dispatchesOf, scratchFor } from "./step_dispatches.ts";
import type { SessionBuffers } from "./step_dispatches.ts";

/** A plan whose memory is allocated and whose shaders are compiled. */
export interface CompiledPlan {
  readonly plan: Plan;
  readonly buffers: readonly GPUBuffer[];
  readonly dispatches: readonly PreparedDispatch[];
  /** Without Adam, for gradients alone. */
  readonly withoutUpdate: readonly PreparedDispatch[];
  destroy(): void;
}

/** Allocates a plan's memory and turns each step into its dispatches. */
export async function compilePlan(device: GpuDevice, plan: Plan, shared: SessionBuffers): Promise<CompiledPlan> {
  const slots: GPUBuffer[] = [];
  try {
    for (const [i, floats] of plan.slotSizes.entries()) slots.push(await device.buffer(`activations ${i}`, floats));
    const scratchFloats = Math.max(1, ...plan.steps.map((step) => scratchFor(step, plan.batch, device.limits.threads)));
    const scratch = await device.buffer("partial sums", scratchFloats);
    slots.push(scratch);
    const buffers = plan.buffers.map(({ slot }) => slots[slot]);
    const context = { plan, shared, scratch, at: (id: BufferId) => buffers[id], threads: device.limits.threads };
    const perStep = plan.steps.map((step) => dispatchesOf(step, context));
    const all = perStep.flat().map(([kernel, bound, workgroups]): Dispatch => {
      return { kernel, control: shared.control, buffers: bound, workgroups };
    });
    const { prepared: dispatches, places } = await device.prepare(all);
    slots.push(places);
    const updates = plan.steps.at(-1)?.kind === "update" ? perStep.at(-1)!.length : 0;
    const withoutUpdate = dispatches.slice(0, dispatches.length - updates);
    device.check();
    return { plan, buffers, dispatches, withoutUpdate, destroy: () => slots.forEach((slot) => slot.destroy()) };
  } catch (error) {
    slots.forEach((slot) => slot.destroy());
    throw error;
  }
}
