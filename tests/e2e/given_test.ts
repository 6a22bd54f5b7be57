import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { ndArray } from "../../lib/base/nd_array.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { startService } from "../support/running_service.ts";
import type { CubeRecord } from "../../lib/schemas/cube.ts";

const VALUES = Float32Array.from({ length: 6 * 7 * 5 }, (_, i) => Math.sin(i));
const FILE = encodeNpy(ndArray(VALUES, [6, 7, 5]));
const GIVEN = {
  axis: JSON.stringify({ name: "bias", unit: "V", start: -2, stop: 2 }),
  quantity: "Piezoresponse",
  unit: "pm",
  pixel: JSON.stringify({ row: 40, col: 20, unit: "nm" }),
};

Deno.test("what a file does not say is given with it, with its name as tus metadata, and later by reading it again", async () => {
  const service = await startService();
  try {
    const upload = async (query: Record<string, string>, body: BodyInit | null = FILE) => {
      const answer = await service.fetch(`/v1/cubes?${new URLSearchParams(query)}`, { method: "POST", body });
      return { status: answer.status, cube: await answer.json() as CubeRecord & { code: string; detail: string } };
    };
    const plain = await upload({ name: "plain" });
    assertEquals([plain.status, plain.cube.axes.spectral.unit, plain.cube.quantity], [201, "", ""]);

    const given = await upload({ name: "given", ...GIVEN });
    assertEquals(given.status, 201);
    checkGiven(given.cube);
    assert(given.cube.id !== plain.cube.id);
    assert.match(plain.cube.warnings!.join(), /says nothing of its axes: the one of 5 steps/);
    assertEquals(given.cube.warnings, undefined);

    const again = await upload({ name: "given", ...GIVEN });
    assertEquals([again.status, again.cube.id], [200, given.cube.id]);
    const renamed = await upload({ name: "another name", ...GIVEN });
    assertEquals([renamed.status, renamed.cube.id, renamed.cube.name], [200, given.cube.id, "another name"]);

    const more = {
      ...GIVEN,
      unit: "nm",
      prepare: JSON.stringify([{ step: "crop", parameters: { row: 0, col: 0, rows: 5, cols: 6 } }]),
    };
    const reread = await upload({ from: plain.cube.id, ...more }, null);
    assertEquals([reread.status, reread.cube.shape, reread.cube.unit, reread.cube.name], [
      201,
      [5, 6, 5],
      "nm",
      "plain",
    ]);
    assertEquals((await upload({ from: plain.cube.id, ...more }, null)).status, 200);

    const bad = async (query: Record<string, string>) => {
      const { status, cube: { code, detail } } = await upload(query);
      assert([404, 422].includes(status), `${status} ${detail}`);
      return code;
    };
    const axis = (value: unknown) => ({ axis: JSON.stringify(value) });
    assertEquals(await bad(axis({ name: "V", unit: "V", values: [1, 2, 3] })), "axis_mismatch");
    assertEquals(await bad({ axis: "-8..8" }), "invalid_query");
    assertEquals(await bad(axis({ name: "V", start: 0 })), "invalid_query");
    assertEquals(await bad({ pixel: JSON.stringify({ size: -1, unit: "nm" }) }), "invalid_query");
    assertEquals(await bad({ complex: "angle" }), "invalid_query");
    assertEquals(await bad({ from: "cube_none" }), "cube_missing");

    checkGiven(await uploadInPieces(service.url, { name: "pieces", ...GIVEN, repair: "off" }));
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
});

function checkGiven({ axes, quantity, unit, notes }: CubeRecord): void {
  assertEquals([axes.spectral.name, axes.spectral.unit, axes.spectral.values], ["bias", "V", [-2, -1, 0, 1, 2]]);
  assertEquals([axes.row.values.slice(0, 3), axes.col.values.slice(0, 3), axes.col.unit], [
    [0, 40, 80],
    [0, 20, 40],
    "nm",
  ]);
  assertEquals([quantity, unit], ["Piezoresponse", "pm"]);
  assert(notes.some((note) => note === "Spectral axis as given: bias in V"), notes.join());
}

async function uploadInPieces(url: string, metadata: Record<string, string>): Promise<CubeRecord> {
  const tus = { "Tus-Resumable": "1.0.0" };
  const pairs = Object.entries(metadata).map(([name, value]) =>
    `${name} ${new TextEncoder().encode(value).toBase64()}`
  );
  const head = { ...tus, "Upload-Length": String(FILE.length), "Upload-Metadata": pairs.join(",") };
  const begun = await fetch(`${url}/v1/uploads`, { method: "POST", headers: head });
  assertEquals(begun.status, 201, await begun.text());
  const headers = { ...tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream" };
  const ended = await fetch(url + begun.headers.get("location"), { method: "PATCH", headers, body: FILE });
  await ended.body?.cancel();
  return await (await fetch(url + ended.headers.get("content-location"))).json();
}
