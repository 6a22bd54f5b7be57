import { assertEquals, assertFailsWith } from "../support/assert.ts";
import { negotiate } from "../../routes/response/negotiate.ts";

const OFFERS = ["application/json", "application/x-npy"] as const;

Deno.test("the best liked offer is taken, the first among equals", () => {
  const cases: [accept: string | undefined, wanted: string][] = [
    [undefined, "application/json"],
    ["", "application/json"],
    ["*/*", "application/json"],
    ["application/*", "application/json"],
    ["application/x-npy", "application/x-npy"],
    ["APPLICATION/X-NPY", "application/x-npy"],
    ["application/json;q=0.5, application/x-npy", "application/x-npy"],
    ["text/html, application/x-npy;q=0.9, */*;q=0.8", "application/x-npy"],
    ["text/html,*/*;q=0.8", "application/json"],
    ["application/json;q=0, */*", "application/x-npy"],
    ['application/json;note="a,b;q=1\\"";q=0.1, application/x-npy', "application/x-npy"],
    ["application/x-npy ; q=.9 , application/json;q=0.1", "application/x-npy"],
    ["application/x-npy;q=nonsense, application/json;q=0.1", "application/json"],
  ];
  for (const [accept, wanted] of cases) assertEquals(negotiate(accept, OFFERS), wanted, String(accept));
});

Deno.test("nothing acceptable is refused", async () => {
  for (const accept of ["text/html", "application/json;q=0", ";;;", "image/*"]) {
    await assertFailsWith("not_acceptable", () => negotiate(accept, OFFERS));
  }
});
