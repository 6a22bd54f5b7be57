import fc from "fast-check";
import { assertEquals } from "../support/assert.ts";
import { formatView, INITIAL_VIEW, parseView, TABS, type ViewState } from "../../routes/page/src/view_state.ts";

const index = fc.integer({ min: 0, max: 4000 });
/** Numbers that six significant digits hold. */
const short = fc.integer({ min: -99999, max: 99999 }).map((n) => n / 1000);
const text = fc.string({ maxLength: 20 });

const views: fc.Arbitrary<ViewState> = fc.record({
  tab: fc.constantFrom(...TABS, "report" as const),
  cube: text,
  model: text,
  other: text,
  layer: text.filter((layer) => layer !== ""),
  index,
  colours: text,
  range: fc.tuple(short, short),
  pins: fc.array(fc.record({ row: index, col: index }, { noNullPrototype: true }), { maxLength: 6 }),
  radius: fc.integer({ min: 0, max: 50 }),
  zoom: fc.option(fc.tuple(short, short, short)),
  dims: fc.tuple(index, index),
  components: fc.integer({ min: 1, max: 32 }),
  brush: fc.option(fc.tuple(short, short, short, short)),
  pick: fc.option(fc.tuple(index, index, index, index)),
  only: fc.integer({ min: -1, max: 64 }),
  fit: fc.boolean(),
  suggest: text,
  probe: fc.option(fc.tuple(short, short)),
  scatter: text.filter((scatter) => scatter !== ""),
  region: fc.option(fc.tuple(index, index, index, index)),
  job: text,
  experiment: text,
}, { noNullPrototype: true });

Deno.test("a view comes back from its address", () => {
  fc.assert(fc.property(views, (view) => assertEquals(parseView(formatView(view)), view)));
});

Deno.test("the initial view has a bare address", () => {
  assertEquals(formatView(INITIAL_VIEW), "#/explore");
});

Deno.test("no address breaks the view: what cannot be read is as at first", () => {
  assertEquals(parseView("#/nowhere?i=-3&r=x&pins=a.b_1.2_3&zoom=1,2&dims=0&k=0&brush=NaN,1,2,3"), {
    ...INITIAL_VIEW,
    pins: [{ row: 1, col: 2 }],
    components: 1,
  });
  fc.assert(fc.property(fc.string(), (hash) => {
    const view = parseView(hash);
    assertEquals(parseView(formatView(view)), view);
  }));
});
