import { ndArray } from "../../lib/base/nd_array.ts";
import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { filmFile } from "../support/small_cube.ts";
import { type Refusal, refusalOf, type Work, type WorkContext } from "./mixed_work.ts";
import { sleep } from "./watch.ts";

/** Beside `MIXED_WORK`: what else writes to the disk, and what must go on without any room. */
export const FULL_DISK_WORK: readonly Work[] = [readThings, addImageChannel, uploadInPieces, deriveResults];

const TUS = { "tus-resumable": "1.0.0" };

async function readThings(context: WorkContext): Promise<void> {
  const cube = context.ledger.someCube(context.random);
  const ofCube = cube === undefined
    ? []
    : ["", "/map", "/spectrum?row=3&col=4"].map((view) => `/v1/cubes/${cube}${view}`);
  for (const path of ["/healthz", "/readyz", "/metrics", "/v1/cubes", "/v1/models", "/v1/jobs", ...ofCube]) {
    await ask(context, "read", path, {});
    await sleep(5);
  }
}

/** A cube whose channel is being added is as unsure as one that is being deleted. */
async function addImageChannel(context: WorkContext): Promise<void> {
  await sleep(20);
  const { ledger, random } = context;
  const cube = ledger.someCube(random);
  if (cube === undefined) return;
  const record = ledger.cubes.get(cube)!;
  ledger.cubes.delete(cube);
  ledger.unsure.add(cube);
  const values = ndArray(Float32Array.from({ length: 144 }, () => random.uniform()), [12, 12]);
  const init = { method: "POST", body: encodeNpy(values), headers: { "content-type": "application/x-npy" } };
  const answer = await context.service.fetch(`/v1/cubes/${cube}/maps?name=map-${random.integer(1e9)}`, init);
  const told = await answer.json();
  ledger.unsure.delete(cube);
  ledger.cubes.set(cube, answer.status === 201 ? JSON.stringify(told) : record);
  if (answer.status !== 201) context.onRefusal(refusalOf("map", answer, told));
}

async function uploadInPieces(context: WorkContext): Promise<void> {
  await sleep(50);
  const { ledger, random } = context;
  const bytes = await filmFile(12, 12, 8, random.integer(2 ** 31));
  const begun = await ask(context, "upload", "/v1/uploads", {
    method: "POST",
    headers: { ...TUS, "upload-length": String(bytes.length) },
  });
  const place = begun?.headers.get("location");
  if (!place) return;
  const half = Math.floor(bytes.length / 2);
  for (const [from, to] of [[0, half], [half, bytes.length]]) {
    const answer = await ask(context, "upload", place, {
      method: "PATCH",
      headers: { ...TUS, "upload-offset": String(from), "content-type": "application/offset+octet-stream" },
      body: bytes.slice(from, to),
    });
    if (!answer) return void await ask(context, "delete", place, { method: "DELETE", headers: TUS });
    const cube = answer.headers.get("content-location");
    const record = cube ? await ask(context, "read", cube, {}) : undefined;
    if (record) ledger.uploaded(JSON.parse(record.text));
  }
}

async function deriveResults(context: WorkContext): Promise<void> {
  await sleep(20);
  const cube = context.ledger.someCube(context.random), version = context.ledger.someVersion(context.random);
  if (cube === undefined) return;
  await ask(context, "result", `/v1/cubes/${cube}/pca?components=2`, {});
  if (version === undefined) return;
  await ask(context, "result", `/v1/models/chaos/versions/${version}/cubes/${cube}/errors`, {});
}

/** The answer where it is a success. */
async function ask(context: WorkContext, what: Refusal["what"], path: string, init: RequestInit) {
  const answer = await context.service.fetch(path, init);
  const text = await answer.text();
  if (answer.ok) return { headers: answer.headers, text };
  context.onRefusal(refusalOf(what, answer, JSON.parse(text)));
}
