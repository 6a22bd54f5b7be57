import fc from "fast-check";
import { assert, assertEquals } from "../support/assert.ts";
import { parseJsonSteps } from "../../routes/request/incremental_json.ts";

function parse(text: string): { value: unknown; steps: number } {
  const parsing = parseJsonSteps(text);
  for (let steps = 1;; steps++) {
    const { done, value } = parsing.next();
    if (done) return { value, steps };
  }
}

function outcome(parse: () => unknown): unknown {
  try {
    return { value: parse() };
  } catch (error) {
    assert.ok(error instanceof SyntaxError);
    return "refused";
  }
}

const same = (text: string) => assertEquals(outcome(() => parse(text).value), outcome(() => JSON.parse(text)), text);

Deno.test("every JSON text is parsed as JSON.parse does it, with any blanks", () => {
  const blanks = fc.constantFrom(undefined, 1, "\t", "\n \r");
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), blanks, (value, indent) => {
    same(` ${JSON.stringify(value, null, indent)}\n`);
  }));
});

Deno.test("any text is refused where JSON.parse refuses it", () => {
  const pieces = [
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    '"',
    "\\",
    " ",
    "1",
    "-",
    "0",
    ".",
    "e",
    "null",
    "true",
    '"a"',
    "\n",
    "\0",
  ];
  const text = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((chosen) => chosen.join(""));
  fc.assert(fc.property(text, same), { numRuns: 20_000 });
  for (
    const text of ["[1, ]", "[ ]", "[,1]", "[1,,[2]]", "[1 [2]]", '{"__proto__":1}', '{"a":1,"a":[2]}', "[1:2]", "01"]
  ) {
    same(text);
  }
});

Deno.test("texts with one character changed, left out or added are parsed or refused as JSON.parse does it", () => {
  const text = '{"model":"a@1","inputs":[[1.5,-2e3,null],[true,"x\\"]",{}], [ ]]}';
  const change = fc.tuple(
    fc.nat(text.length),
    fc.constantFrom(0, 1),
    fc.constantFrom("", ",", "]", "[", "}", '"', " ", "7"),
  );
  fc.assert(fc.property(change, ([at, left, put]) => same(text.slice(0, at) + put + text.slice(at + left))));
});

Deno.test("large lists, flat and nested, with blanks in between, come in many steps", () => {
  const numbers = Array.from({ length: 50_000 }, (_, i) => Math.sin(i));
  const rows = Array.from({ length: 500 }, (_, i) => numbers.slice(100 * i, 100 * i + 100));
  for (const value of [{ data: numbers, after: null }, { rows: [rows, rows] }, rows.map((row) => ({ row }))]) {
    for (const text of [JSON.stringify(value), JSON.stringify(value, null, 3)]) {
      const { value: met, steps } = parse(text);
      assertEquals(met, value);
      assert.ok(steps > text.length / 70_000, `${steps} steps for ${text.length} characters`);
    }
  }
  same(`[1,${" ".repeat(100_000)}2]`);
});
