import fc from "fast-check";
import { decodeNpy } from "../../lib/formats/numpy/npy.ts";
import { ndArray, type ResultTree } from "../../lib/base/nd_array.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { arraysOf } from "../../routes/response/arrays_of.ts";
import { renderResult } from "../../routes/response/render_result.ts";

const json = async (value: ResultTree) => await renderResult("application/json", value).json();

Deno.test("float32 is written short and reads back exactly", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.float({ noDefaultInfinity: true, noNaN: true })), async (values) => {
    const wanted = Float32Array.from(values);
    const { data } = await json(ndArray(wanted, [values.length]));
    // JSON has no -0 that JSON.stringify would write.
    assertEquals(Float32Array.from(data), wanted.map((value) => value === 0 ? 0 : value));
  }));
  assertEquals(
    await renderResult("application/json", ndArray(Float32Array.of(0.1), [1])).text(),
    '{"dtype":"float32","shape":[1],"data":[0.100000001]}',
  );
});

Deno.test("NaN and infinities are null, undefined is left out", async () => {
  const tree = { a: NaN, b: undefined, c: [1, Infinity], d: ndArray(Float64Array.of(NaN, -Infinity, 1), [3]), e: null };
  assertEquals(await json(tree), {
    a: null,
    c: [1, null],
    d: { dtype: "float64", shape: [3], data: [null, null, 1] },
    e: null,
  });
});

Deno.test("any tree renders as JSON.stringify would, large ones in pieces", async () => {
  await fc.assert(fc.asyncProperty(fc.jsonValue(), async (value) => {
    assertEquals(await json(value as ResultTree), JSON.parse(JSON.stringify(value)));
  }));
  const data = Float32Array.from({ length: 60 * 60 * 64 }, (_, i) => i / 7);
  const answer = renderResult("application/json", { outputs: ndArray(data, [3600, 64]), note: '\u0000"' });
  const met = await answer.json();
  assertEquals(Float32Array.from(met.outputs.data), data);
  assertEquals(met.note, '\u0000"');
});

Deno.test("NPZ holds every array and the rest as metadata", async () => {
  const tree = { fit: { area: ndArray(Float32Array.of(1, 2), [2]) }, axis: { unit: "V", values: [1, 2, 3] }, count: 7 };
  const bytes = await renderResult("application/x-npz", tree).bytes();
  const entries = readStoredZip(bytes);
  assertEquals(Object.keys(entries).sort(), ["axis.values.npy", "fit.area.npy", "metadata.npy"]);
  assertEquals(decodeNpy(entries["fit.area.npy"]), ndArray(Float32Array.of(1, 2), [2]));
  assertEquals(decodeNpy(entries["axis.values.npy"]), ndArray(Float64Array.of(1, 2, 3), [3]));
  const metadata = JSON.parse(
    new TextDecoder().decode(decodeNpy(entries["metadata.npy"]).data as Uint8Array<ArrayBuffer>),
  );
  assertEquals([metadata.axis.unit, metadata.count], ["V", 7]);
});

Deno.test("a typed array's part of a larger buffer is rendered alone", async () => {
  const part = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
  const raw = await renderResult("application/octet-stream", ndArray(part, [2])).arrayBuffer();
  assertEquals(Array.from(new Float32Array(raw)), [1, 2]);
  const npy = await renderResult("application/x-npy", ndArray(part, [2])).bytes();
  assertEquals(Array.from(decodeNpy(npy).data), [1, 2]);
});

Deno.test("the array that stands for the whole is the named one, or the only one", () => {
  assertEquals(arraysOf({ a: [1, 2], b: ["x"], c: [] }).map(([path]) => path), ["a"]);
  const two = { a: ndArray(new Float32Array(1), [1]), b: ndArray(new Float32Array(1), [1]) };
  assert.throws(() => renderResult("application/x-npy", two), /arrays: a, b/);
  assertEquals(renderResult("application/x-npy", two, { main: "b" }).status, 200);
});

/** Entries of a ZIP whose entries are stored, by their local headers. */
function readStoredZip(bytes: Uint8Array): Record<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Record<string, Uint8Array> = {};
  for (let at = 0; view.getUint32(at, true) === 0x04034b50;) {
    const [size, nameLength, extraLength] = [
      view.getUint32(at + 18, true),
      view.getUint16(at + 26, true),
      view.getUint16(at + 28, true),
    ];
    const start = at + 30 + nameLength + extraLength;
    const name = new TextDecoder().decode(bytes.subarray(at + 30, at + 30 + nameLength));
    entries[name] = bytes.slice(start, start + size);
    at = start + size;
  }
  return entries;
}
