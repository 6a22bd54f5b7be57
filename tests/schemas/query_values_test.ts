import fc from "fast-check";
import { assert, assertEquals } from "../support/assert.ts";
import { aboveZeroText, booleanText, integerText, numberText, pairText } from "../../lib/schemas/query_values.ts";
import { componentSchemas, parametersOf } from "../../lib/schemas/openapi.ts";
import { cubeResultQuerySchemas, mapQuerySchema, spectrumQuerySchema } from "../../lib/schemas/queries.ts";

Deno.test("whole numbers in their range are read, all other text is refused", () => {
  const schema = integerText(-50, 50);
  fc.assert(fc.property(fc.integer({ min: -200, max: 200 }), (value) => {
    const parsed = schema.safeParse(String(value));
    assertEquals(parsed.success ? parsed.data : undefined, Math.abs(value) <= 50 ? value : undefined);
  }));
  for (const text of ["", " 1", "1 ", "1.0", "1e1", "0x1", "+1", "--1", "NaN", "9".repeat(16), "١"]) {
    assert.equal(schema.safeParse(text).success, false, text);
  }
});

Deno.test("finite numbers are read as JavaScript writes them, all other text is refused", () => {
  const schema = numberText();
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
    assertEquals(schema.parse(String(value)), value === 0 ? Number(String(value)) : value);
  }));
  for (const text of ["", ".", "1.", "e1", "1e", "1e400", "Infinity", "NaN", "0x1p3", "1,5", " 1", "1".repeat(60)]) {
    assert.equal(schema.safeParse(text).success, text === "1.", text);
  }
  assertEquals(numberText(0, 5).safeParse("-1").success, false);
  assertEquals(["0", "-1", "1e-3", "1e400"].map((text) => aboveZeroText().safeParse(text).success), [
    false,
    false,
    true,
    false,
  ]);
  assertEquals(numberText().safeParse("1e400").error?.issues[0].message, "expected a finite number");
});

Deno.test("a regular expression never hangs on long text", () => {
  for (const text of ["1".repeat(1e5) + "x", "1." + "0".repeat(1e5) + "e", ",".repeat(1e5)]) {
    for (const schema of [integerText(0), numberText(), booleanText(), pairText()]) {
      assertEquals(schema.safeParse(text).success, false);
    }
  }
});

Deno.test("pairs and booleans", () => {
  assertEquals(pairText().parse("0,1"), [0, 1]);
  for (const text of ["0", "0,0", "0,1,2", "a,b", "0, 1", "-1,0"]) {
    assertEquals(pairText().safeParse(text).success, false);
  }
  assertEquals([booleanText().parse("true"), booleanText().parse("false")], [true, false]);
  for (const text of ["", "1", "TRUE", "yes"]) assertEquals(booleanText().safeParse(text).success, false);
});

Deno.test("parameters are documented with the types that they parse to", () => {
  assertEquals(parametersOf(spectrumQuerySchema, "query"), [
    { name: "row", in: "query", required: true, schema: { type: "integer", minimum: 0, maximum: 1_000_000 } },
    { name: "col", in: "query", required: true, schema: { type: "integer", minimum: 0, maximum: 1_000_000 } },
    {
      name: "radius",
      in: "query",
      required: false,
      description: "Averages over pixels this near",
      schema: { default: 0, type: "number", minimum: 0, maximum: 1000 },
    },
  ]);
  assertEquals(parametersOf(mapQuerySchema, "query").map(({ name }) => name), ["at", "index", "branch", "map"]);
  assertEquals(cubeResultQuerySchemas.loops.parse({ fit: "true" }), { fit: true });
});

Deno.test("named schemas refer to one another by their place in the document", () => {
  const { Cube, TrainRequest, Job } = componentSchemas() as Record<string, Record<string, Record<string, unknown>>>;
  assertEquals(Cube.properties.health, { $ref: "#/components/schemas/CubeHealth" });
  // `cube` or `cubes`: neither is required by itself.
  assertEquals(TrainRequest.required, ["kind", "direction", "saveAs"]);
  assert.ok((Job.required as unknown as string[]).includes("state"));
});
