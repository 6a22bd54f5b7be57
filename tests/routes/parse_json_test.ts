import fc from "fast-check";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { parseJson } from "../../routes/request/parse_json.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const LIMITS = { maxDepth: 4, maxContainers: 10, maxValues: 20, maxMembers: 6, maxStringBytes: 30 };

Deno.test("JSON is parsed as JSON.parse does it", () =>
  fc.assert(fc.asyncProperty(fc.jsonValue({ maxDepth: 6 }), async (value) => {
    const text = JSON.stringify(value);
    assertEquals(await parseJson(encode(text)), JSON.parse(text));
  })));

Deno.test("depth counts brackets outside of strings only", async () => {
  assertEquals(await parseJson(encode('["[[[[[[", "\\"[[[[[[", [[[1]]]]'), undefined, LIMITS), ["[[[[[[", '"[[[[[[', [[[
    1,
  ]]]]);
  await assertFailsWith("json_too_deep", () => parseJson(encode("[[[[[1]]]]]"), undefined, LIMITS));
  await assertFailsWith("json_too_deep", () => parseJson(encode('{"a":{"a":{"a":{"a":{}}}}}'), undefined, LIMITS));
});

Deno.test("16 MiB of brackets are refused", async () => {
  await assertFailsWith("json_too_deep", () => parseJson(encode("[".repeat(2 ** 24))));
  await assertFailsWith("json_too_complex", () => parseJson(encode(`[${"[],".repeat(2 ** 20)}[]]`)));
});

Deno.test("values, names and strings are counted, too", async () => {
  const atMost = { a: Array(14).fill(1), b: 2, c: 3, d: 4, e: 5, f: '"'.repeat(14) };
  assertEquals(await parseJson(encode(JSON.stringify(atMost)), undefined, LIMITS), atMost);
  for (
    const text of [`[${"1,".repeat(21)}1]`, '{"a":1,"b":{"c":1,"d":2,"e":3,"f":4,"g":5}}', `"${'\\"'.repeat(16)}"`]
  ) {
    JSON.parse(text);
    await assertFailsWith("json_too_complex", () => parseJson(encode(text), undefined, LIMITS));
  }
});

Deno.test("others go on while a large text is parsed", async () => {
  const rows = Array.from({ length: 1000 }, (_, i) => Array.from({ length: 200 }, (_, j) => i / (j + 1)));
  let turns = 0;
  const counting = setInterval(() => turns++, 0);
  assertEquals(await parseJson(encode(JSON.stringify(rows))), rows);
  clearInterval(counting);
  assert.ok(turns > 10, `${turns} turns`);
});

Deno.test("what is no JSON or no UTF-8 is malformed", async () => {
  for (
    const text of ["", "{", "[1,]", "NaN", "{'a':1}", '"\u0000', "nul", '{"a":1}}', "]]]]", `[1${" ".repeat(100_000)}`]
  ) {
    await assertFailsWith("invalid_json", () => parseJson(encode(text)));
  }
  await assertFailsWith("invalid_utf8", () => parseJson(new Uint8Array([34, 0xff, 0xfe, 34])));
});
