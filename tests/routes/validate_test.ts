import { z } from "zod";
import { check, show } from "../../routes/request/validate.ts";
import { LoopscopeError } from "../../lib/base/errors.ts";
import { assert, assertEquals } from "../support/assert.ts";

Deno.test("values are shown short, and of large ones only the beginning is read", () => {
  assertEquals([undefined, 1.5, "a", [1, [2]], { a: null }, Symbol].map(show), [
    ...["nothing", "1.5", '"a"', "[1,[2]]", '{"a":null}', "function"],
  ]);
  assertEquals(show("x".repeat(60)), `"${"x".repeat(56)}…`);
  let read = 0;
  const watched = { toJSON: () => ++read };
  const shown = show(Array(100_000).fill(Array(100_000).fill(watched)));
  assertEquals(shown, "[[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,2…");
  assert.ok(read < 10_000, `${read} values were read`);
});

Deno.test("a body that is wrong in many places is told of twenty", () => {
  const names = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`name${i}`, 1]));
  const lists = { list: Array(5000).fill("a") };
  const schema = z.strictObject({ list: z.array(z.number()).optional() });
  for (const value of [names, lists]) {
    assert.throws(() => check(schema, value, "body"), (error: LoopscopeError) => error.issues?.length === 20);
  }
});

Deno.test("what is missing is said in words", () => {
  for (const schema of [z.strictObject({ inputs: z.unknown() }), z.strictObject({ inputs: z.string() })]) {
    assert.throws(() => check(schema, {}, "body"), /inputs: received nothing; expected (a value|string)$/);
  }
});
