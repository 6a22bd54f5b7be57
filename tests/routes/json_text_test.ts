import fc from "fast-check";
import { assertEquals, assertFailsWith } from "../support/assert.ts";
import { parseJson } from "../../routes/json_text.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const LIMITS = { maxDepth: 4, maxContainers: 10 };

Deno.test("JSON is parsed as JSON.parse does it", () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
    const text = JSON.stringify(value);
    assertEquals(parseJson(encode(text)), JSON.parse(text));
  }));
});

Deno.test("depth counts brackets outside of strings only", async () => {
  assertEquals(parseJson(encode('["[[[[[[", "\\"[[[[[[", [[[1]]]]'), LIMITS), ["[[[[[[", '"[[[[[[', [[[1]]]]);
  await assertFailsWith("json_too_deep", () => parseJson(encode("[[[[[1]]]]]"), LIMITS));
  await assertFailsWith("json_too_deep", () => parseJson(encode('{"a":{"a":{"a":{"a":{}}}}}'), LIMITS));
});

Deno.test("16 MiB of brackets are refused", async () => {
  await assertFailsWith("json_too_deep", () => parseJson(encode("[".repeat(2 ** 24))));
  await assertFailsWith("json_too_complex", () => parseJson(encode(`[${"[],".repeat(2 ** 20)}[]]`)));
});

Deno.test("what is no JSON or no UTF-8 is malformed", async () => {
  for (const text of ["", "{", "[1,]", "NaN", "{'a':1}", '"\u0000', "nul", '{"a":1}}', "]]]]"]) {
    await assertFailsWith("invalid_json", () => parseJson(encode(text)));
  }
  await assertFailsWith("invalid_utf8", () => parseJson(new Uint8Array([34, 0xff, 0xfe, 34])));
});
