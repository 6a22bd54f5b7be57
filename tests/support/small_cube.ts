import { demoCube } from "../../lib/cube/demo_cube.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { writeNsid } from "../../lib/formats/hdf5/dialects/write_nsid.ts";
import { jobEnd, type RunningService } from "./running_service.ts";

/** A simulated film as the bytes of an NSID file. */
export function filmFile(rows: number, cols: number, points: number, seed = 1): Promise<Uint8Array<ArrayBuffer>> {
  return writeNsid(simulateFilm({ rows, cols, points, seed }).cube);
}

export function demoFile(): Promise<Uint8Array<ArrayBuffer>> {
  return writeNsid(demoCube().cube);
}

export interface CubeAnswer {
  id: string;
  name: string;
  sha256: string;
  shape: [number, number, number];
}

export async function uploadCube(service: RunningService, body: BodyInit, name = "cube"): Promise<CubeAnswer> {
  const headers = { "content-type": "application/octet-stream" };
  return await service.json(`/v1/cubes?name=${name}`, { method: "POST", body, headers });
}

/** A training job small enough for a test: window 4, 4 filters. */
export function smallJob(cube: string, saveAs: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const request = { kind: "train", direction: "im2spec", cube, window: 4, latent: 2, filters: 4, epochs: 3, saveAs };
  return { ...request, ...more };
}

export async function submitJob(service: RunningService, request: Record<string, unknown>): Promise<string> {
  const headers = { "content-type": "application/json" };
  const job = await service.json("/v1/jobs", { method: "POST", body: JSON.stringify(request), headers }, 202);
  return String(job.id);
}

/** Trains to the end and fails the test when the job did. */
export async function trainModel(service: RunningService, request: Record<string, unknown>): Promise<void> {
  const job = await jobEnd(service, await submitJob(service, request));
  if (job.state !== "succeeded") throw new Error(`The job ${job.state}: ${JSON.stringify(job.error)}`);
}
